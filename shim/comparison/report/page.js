"use strict";
// Filter, search, permalinks and copying. Only hides and shows what the page already holds; writes text, never HTML.
(() => {
  const form = document.getElementById("filter");
  const cards = [...document.querySelectorAll(".card")];
  const groups = [...document.querySelectorAll(".group")];
  const fields = ["q", "outcome", "rung", "rule"];
  const texts = new Map(); // made at the first search: the text of a large page takes a moment to gather
  const number = new Intl.NumberFormat("en");

  const textOf = (card) => {
    if (!texts.has(card)) texts.set(card, `#${card.id} ${card.textContent}`.toLowerCase());
    return texts.get(card);
  };

  const wanted = () => Object.fromEntries(fields.map((name) => [name, form.elements[name].value.trim()]));

  const set = (values) => {
    for (const name of fields) form.elements[name].value = values[name] ?? "";
  };

  const fits = (card, want, words) =>
    (!want.outcome || card.dataset.outcome === want.outcome) &&
    (!want.rung || card.dataset.rung === want.rung) &&
    (!want.rule || card.dataset.rules.split(" ").includes(want.rule)) &&
    words.every((word) => textOf(card).includes(word));

  const show = () => {
    const want = wanted();
    const words = want.q.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const card of cards) {
      card.hidden = !fits(card, want, words);
      if (!card.hidden) count += 1;
    }
    for (const group of groups) {
      const held = [...group.querySelectorAll(".card")];
      group.hidden = held.length > 0 && held.every((card) => card.hidden);
    }
    document.getElementById("count").textContent = `${number.format(count)} of ${number.format(cards.length)} shown`;
    document.getElementById("none").hidden = count > 0;
  };

  const remember = () => {
    const given = Object.entries(wanted()).filter(([, value]) => value);
    history.replaceState(null, "", given.length ? `#${new URLSearchParams(given)}` : location.pathname + location.search);
  };

  // The fragment is either a card's name (#tee-17) or a filter (#outcome=mismatch&q=usage).
  const follow = () => {
    const fragment = location.hash.slice(1);
    if (fragment.includes("=")) {
      set(Object.fromEntries(new URLSearchParams(fragment)));
      show();
      document.getElementById("differences").scrollIntoView({ block: "start" });
      return;
    }
    const card = fragment && cards.find((each) => each.id === fragment);
    if (!card) return;
    if (card.hidden) {
      set({});
      show();
    }
    card.querySelector(".fold").open = true;
    card.scrollIntoView({ block: "start" });
  };

  let waiting = 0;
  const changed = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { show(); remember(); }, 80);
  };

  const fold = (open) => {
    for (const card of cards) if (!card.hidden) card.querySelector(".fold").open = open;
  };

  const copy = async (button) => {
    const text = button.parentElement.querySelector("pre");
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // No clipboard for this page: select it, so that the reader's own keys copy it.
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  };

  const isTyping = (target) => target.closest("input, select, textarea");

  form.hidden = false;
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));
  document.getElementById("unfold").addEventListener("click", () => fold(true));
  document.getElementById("fold").addEventListener("click", () => fold(false));
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    event.preventDefault();
    form.elements.q.focus();
  });
  addEventListener("hashchange", follow);
  let folded = []; // what was folded before a print, which shows all
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll(".fold:not([open])")];
    fold(true);
  });
  addEventListener("afterprint", () => folded.forEach((each) => { each.open = false; }));
  show();
  follow();
})();
