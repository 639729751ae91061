/**
 * Wrap `work` so that it never queues: one call at a time, and whatever came in between is skipped
 * but for the newest. The browser gives pointer events once a frame, so this needs no wait of its own.
 */
export function latestOnly(work) {
  let next = null;
  let isBusy = false;

  async function drain() {
    isBusy = true;
    while (next) {
      const { input } = next;
      next = null;
      await work(input);
    }
    isBusy = false;
  }

  return (input) => {
    next = { input };
    if (!isBusy) drain();
  };
}

/** Wrap `work` so that it begins with the newest input once there was no other for a while. */
export function atRest(work, milliseconds) {
  let timer = null;
  return (input) => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds, input);
  };
}
