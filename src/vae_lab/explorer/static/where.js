/** The point in numbers, and as a command to copy. */

export class Where {
  #element;

  /**
   * @param element with a place for each part.
   * @param command that decodes a point of the run.
   */
  constructor(element, command) {
    this.#element = element;
    this.#find(".command").firstElementChild.textContent = command;
    this.#find(".copy").addEventListener("click", () => this.#copy());
  }

  /** Show the point `z`, and the number of the class that it is decoded as, or null. */
  show(z, label) {
    const numbers = z.map((value) => value.toFixed(3));
    const shown = numbers.map((number) => number.replace("-", "−"));
    this.#find(".coordinates").textContent = `(${shown.join(", ")})`;
    const point = this.#find(".command").lastElementChild;
    // a line may end after a comma, and nowhere within a number
    const parts = numbers.flatMap((number, i) => (i ? [",", document.createElement("wbr"), number] : [number]));
    point.replaceChildren("--at=", ...parts);
    if (label !== null) point.append(` --label=${label}`);
  }

  async #copy() {
    const command = this.#find(".command");
    try {
      await navigator.clipboard.writeText(command.textContent);
      this.#find(".copy").textContent = "Copied";
      setTimeout(() => (this.#find(".copy").textContent = "Copy"), 1500);
    } catch {
      getSelection().selectAllChildren(command); // no permission: ready for the user's own Ctrl-C
    }
  }

  #find = (selector) => this.#element.querySelector(selector);
}
