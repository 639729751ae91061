/**
 * Wrap `work` so that it never queues: one call at a time, at most one a frame, and whatever came
 * in between is skipped but for the newest.
 */
export function latestOnly(work) {
  let next = null;
  let isBusy = false;

  async function drain() {
    isBusy = true;
    while (next) {
      await new Promise(requestAnimationFrame);
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
