/** Pictures from outside: opened as a file, dropped anywhere on the page, or pasted. */

const MEGABYTE = 2 ** 20;
const DROPPING = "dropping"; // the class of the page while a file is dragged over it

/**
 * @param button opens a file.
 * @param chooser the input that does it.
 * @param largest bytes of a file.
 * @param actions `take` takes a file, `report` why it is not taken.
 */
export function listenForPictures(button, chooser, largest, { take, report }) {
  const give = ([file]) => {
    if (!file) return;
    if (file.size > largest) report(tooLarge(file, largest));
    else take(file);
  };
  button.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    give(chooser.files);
    chooser.value = ""; // so that the same file can be opened again
  });
  document.addEventListener("paste", (event) => give(event.clipboardData.files));
  const mark = (isOver) => document.body.classList.toggle(DROPPING, isOver);
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    give(event.dataTransfer.files);
  });
}

function tooLarge({ name, size }, largest) {
  const [is, most] = [size, largest].map((bytes) => Math.ceil(bytes / MEGABYTE));
  return `${name} is not shown: it has ${is} MiB, and at most ${most} are read.`;
}
