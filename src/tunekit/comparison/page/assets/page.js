"use strict";
// Data become text here, never markup: everything is set through textContent.
(() => {
  const byId = (id) => document.getElementById(id);

  // --- light and dark ---------------------------------------------------------------------------

  const root = document.documentElement;
  const theme = byId("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  // The button says what it leads to.
  const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  prefersDark.addEventListener("change", nameTheme);
  nameTheme();
  theme.hidden = false;

  // --- only what scrolls is a stop for the keyboard ---------------------------------------------

  const stops = new ResizeObserver((sizes) => {
    for (const { target } of sizes) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const one of document.querySelectorAll(".scroll, .wide .drawing")) stops.observe(one);

  // --- on paper, everything is unfolded ---------------------------------------------------------

  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not([open])")];
    for (const one of unfolded) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of unfolded) one.open = false;
  });

  // --- rows -------------------------------------------------------------------------------------

  const form = byId("row-form");
  if (!form) return;
  const data = JSON.parse(byId("row-data").textContent);
  const models = data.models;
  const cell = (value) => (typeof value === "number" ? data.strings[value] : value);
  const rows = data.rows.map((packed) => {
    const [number, id, input, truth, meta, right, ...said] = packed;
    return {
      number, id: cell(id), input: cell(input), truth: cell(truth), meta: cell(meta),
      answers: models.map((name, at) => {
        const [text, probability] = [said[2 * at], said[2 * at + 1]];
        const failed = Array.isArray(text);
        return {
          name, failed, text: cell(failed ? text[0] : text),
          right: Math.floor(right / 2 ** at) % 2 === 1,
          probability: probability < 0 ? null : probability / 1000,
        };
      }),
    };
  });
  const folded = (text) => text.normalize("NFC").toLowerCase();
  for (const row of rows) {
    const texts = [row.id, row.input, row.truth, row.meta, ...row.answers.map((one) => one.text)];
    row.haystack = folded(texts.join("\n"));
  }

  const search = byId("row-search"), first = byId("row-first"), second = byId("row-second");
  const outcome = byId("row-outcome"), order = byId("row-order"), size = byId("row-size");
  let page = 0, shown = [];

  const OUTCOMES = {
    all: ["all rows", () => true],
    differ: ["one right, the other wrong", (a, b) => a.right !== b.right],
    won: ["won: only the model is right", (a, b) => a.right && !b.right],
    lost: ["lost: only the other is right", (a, b) => !a.right && b.right],
    wrong: ["both wrong", (a, b) => !a.right && !b.right],
    right: ["both right", (a, b) => a.right && b.right],
    failed: ["no answer", (a, b) => a.failed || b.failed],
  };
  const ALONE = {
    all: OUTCOMES.all,
    wrong: ["wrong", (a) => !a.right],
    failed: ["no answer", (a) => a.failed],
  };
  const known = models.length > 1 ? OUTCOMES : ALONE;
  const sureness = (row, select) => row.answers[select.value]?.probability ?? -1;
  const ORDERS = {
    row: ["row", (a, b) => a.number - b.number],
    sure: ["model most sure", (a, b) => sureness(b, first) - sureness(a, first)],
    unsure: ["model least sure", (a, b) => sureness(a, first) - sureness(b, first)],
    other: ["other most sure", (a, b) => sureness(b, second) - sureness(a, second)],
    long: ["longest input", (a, b) => b.input.length - a.input.length],
    short: ["shortest input", (a, b) => a.input.length - b.input.length],
    truth: ["truth", (a, b) => (a.truth < b.truth ? -1 : a.truth > b.truth ? 1 : 0)],
  };

  const add = (parent, tag, look, text) => {
    const made = document.createElement(tag);
    if (look) made.className = look;
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  // The direction of a text of others ends where the text ends.
  const addText = (parent, tag, look, text) => {
    const made = add(add(parent, tag, look), "bdi", "", text);
    made.dir = "auto";
    return made.parentNode;
  };
  const fill = (select, names) => {
    for (const [value, name] of names) add(select, "option", "", name).value = value;
  };

  const VERDICTS = { right: "✓ right", wrong: "✗ wrong", none: "∅ no answer" };
  const addAnswer = (list, name, verdict, text, sure) => {
    const line = add(list, "div");
    addText(line, "dt", "", name);
    add(line, "dd", `outcome ${verdict}`, VERDICTS[verdict] ?? "");
    addText(line, "dd", "said", text);
    add(line, "dd", "sure", sure);
  };

  const draw = (row) => {
    const item = document.createElement("li");
    item.className = "row";
    const left = add(item, "div");
    addText(left, "p", "place", `Row ${row.number} · ${row.id}`);
    addText(left, "p", "text", row.input);
    if (row.meta) addText(left, "p", "meta", row.meta);
    const list = add(item, "dl", "answers");
    addAnswer(list, "truth", "", row.truth, "");
    for (const one of row.answers) {
      const verdict = one.failed ? "none" : one.right ? "right" : "wrong";
      const sure = one.probability === null ? "" : one.probability.toFixed(2);
      addAnswer(list, one.name, verdict, one.text, sure);
    }
    return item;
  };

  const turn = (to) => {
    const perPage = Number(size.value);
    const pages = Math.max(1, Math.ceil(shown.length / perPage));
    page = Math.min(Math.max(to, 0), pages - 1);
    const from = page * perPage;
    const here = shown.slice(from, from + perPage);
    byId("row-list").replaceChildren(...here.map(draw));
    const number = (value) => value.toLocaleString("en");
    byId("row-count").textContent = shown.length
      ? `Rows ${number(from + 1)} to ${number(from + here.length)} of ${number(shown.length)}` +
        (shown.length < rows.length ? `, found among ${number(rows.length)}` : "")
      : "No such row.";
    byId("row-page").textContent = `Page ${number(page + 1)} of ${number(pages)}`;
    byId("row-back").disabled = page === 0;
    byId("row-next").disabled = page === pages - 1;
    byId("row-pages").hidden = rows.length <= 10;
  };

  const update = () => {
    const wanted = folded(search.value.trim());
    const fits = known[outcome.value][1];
    const [a, b] = [Number(first.value), Number(second.value)];
    shown = rows.filter(
      (row) => fits(row.answers[a], row.answers[b]) && (!wanted || row.haystack.includes(wanted)),
    );
    shown.sort((x, y) => ORDERS[order.value][1](x, y) || x.number - y.number);
    turn(0);
  };

  fill(first, models.entries());
  fill(second, models.entries());
  fill(outcome, Object.entries(known).map(([value, [name]]) => [value, name]));
  fill(order, Object.entries(ORDERS).map(([value, [name]]) => [value, name]));
  second.value = models.length > 1 ? "1" : "0";
  if (models.length < 2) {
    first.parentNode.hidden = second.parentNode.hidden = true;
    first.parentNode.style.display = second.parentNode.style.display = "none";
  }

  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, 100);
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); update(); });
  for (const select of [first, second, outcome, order]) select.addEventListener("change", update);
  size.addEventListener("change", () => turn(0));
  const leaf = (step) => {
    turn(page + step);
    byId("rows").scrollIntoView();
  };
  byId("row-back").addEventListener("click", () => leaf(-1));
  byId("row-next").addEventListener("click", () => leaf(1));
  byId("row-needs").remove();
  form.hidden = false;
  update();
})();
