/** A slider per latent dimension, the most informative first; inactive ones are grey. */

export class Sliders {
  #rows = [];

  /**
   * @param parent gets one row per dimension.
   * @param info of the run.
   * @param onInput takes the dimension and its new value.
   */
  constructor(parent, info, onInput) {
    const words =
      info.importance_unit === "nats"
        ? `KL to the prior, mean over the test ${info.noun}s: how much this latent tells about one. 1 nat is 1.44 bits`
        : `the variance of the posterior mean over the test ${info.noun}s`;
    const most = Math.max(...info.importance);
    for (const dimension of info.order) {
      const { name, range } = info.axes.find(({ latent }) => latent === dimension);
      const isActive = info.active[dimension];
      const number = info.importance[dimension].toFixed(2);
      const share = info.importance_unit === "nats" ? `${number} nats` : `var ${number}`;
      parent.append(document.getElementById("slider").content.cloneNode(true));
      const row = parent.lastElementChild;
      const input = row.querySelector("input");
      row.classList.toggle("inactive", !isActive);
      row.querySelector(".name").textContent = name;
      row.querySelector(".share i").style.width = `${(100 * info.importance[dimension]) / most}%`;
      row.querySelector(".share span").textContent = isActive ? share : "inactive";
      const said = isActive ? share : `inactive, ${share}`;
      row.querySelector(".share").title = `${said}: ${words}${isActive ? "" : ". Its mean hardly varies"}`;
      [input.min, input.max] = range.map((value) => value.toFixed(2));
      input.setAttribute("aria-label", `${name}, ${said}`);
      input.addEventListener("input", () => onInput(dimension, Number(input.value)));
      this.#rows.push({ dimension, input, output: row.querySelector("output") });
    }
  }

  show(z) {
    for (const { dimension, input, output } of this.#rows) {
      const text = z[dimension].toFixed(2);
      input.value = text;
      output.textContent = text.replace("-", "−");
    }
  }

  disable() {
    for (const { input } of this.#rows) input.disabled = true;
  }
}
