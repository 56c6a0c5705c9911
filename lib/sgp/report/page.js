"use strict";
// Everything that comes from programs and models reaches the page as text nodes, or inside an
// <img> of a data: URI, where scripts don't run and nothing is loaded. No innerHTML anywhere.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const BATCH = 30;
  const MOST_PRINTED = 300;

  function el(name, attributes, ...children) {
    const e = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined && value !== false) e.setAttribute(key, value);
    }
    e.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
    return e;
  }
  function draw(name, attributes, ...children) {
    const e = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
    e.append(...children);
    return e;
  }

  // ---- text that nobody vouches for: controls and direction marks are shown, not obeyed
  const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
  function odd(c) {
    return el("span", { class: "odd" }, "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0"));
  }
  function withOdd(parent, text) {
    let at = 0;
    for (const match of text.matchAll(ODD)) {
      parent.append(text.slice(at, match.index), odd(match[0]));
      at = match.index + 1;
    }
    parent.append(text.slice(at));
  }
  // Fills `parent` with text, what is searched for marked.
  function put(parent, raw, needle) {
    const text = raw.replace(/\r\n/g, "\n");
    if (!needle) {
      withOdd(parent, text);
      return parent;
    }
    const low = text.toLowerCase();
    if (low.length !== text.length) {  // some letters grow in lower case: places would not agree
      withOdd(parent, text);
      return parent;
    }
    let at = 0, found;
    while ((found = low.indexOf(needle, at)) >= 0) {
      withOdd(parent, text.slice(at, found));
      const m = el("mark");
      withOdd(m, text.slice(found, found + needle.length));
      parent.append(m);
      at = found + needle.length;
    }
    withOdd(parent, text.slice(at));
    return parent;
  }

  // ---- numbers
  const percent = (x, digits = 1) => (100 * x).toFixed(digits);
  const count = (n) => n.toLocaleString("en");
  const asked = (share) => share.errors ? `asked ${count(share.count)} of ${count(share.count + share.errors)}` : count(share.count);
  const points = (x) => (x >= 0 ? "+" : "−") + Math.abs(100 * x).toFixed(1);

  // ---- scores
  function bar(name, share, kind, chance, before) {
    const w = 1000, x = (v) => Math.max(0, Math.min(1, v)) * w;
    const svg = draw("svg", { viewBox: `0 0 ${w} 20`, preserveAspectRatio: "none", "aria-hidden": "true" },
      draw("rect", { class: "track", x: 0, y: 3, width: w, height: 14 }),
      draw("rect", { class: "fill", x: 0, y: 3, width: x(share.mean), height: 14 }));
    const line = (cls, at, from, to) =>
      draw("line", { class: cls, x1: x(at), x2: x(at), y1: from, y2: to, "vector-effect": "non-scaling-stroke" });
    if (chance) svg.append(line("chance", chance, 0, 20));
    svg.append(draw("path", { class: "whisker", "vector-effect": "non-scaling-stroke",
      d: `M${x(share.low)} 6V14M${x(share.low)} 10H${x(share.high)}M${x(share.high)} 6V14` }));
    if (before !== undefined) svg.append(line("was", before, 0, 20));
    return el("div", { class: "bar " + kind, title: `${asked(share)} questions, 95 %: ${percent(share.low)} to ${percent(share.high)}` },
      put(el("span", { class: "name" }), name),
      svg,
      el("span", { class: "value" }, percent(share.mean),
        el("i", {}, ` ${percent(share.low)}–${percent(share.high)}`)));
  }
  function sample(cls, path) {
    return draw("svg", { viewBox: "0 0 18 10" }, draw("path", { class: cls, d: path }));
  }

  const pairs = new Map((data.paired || []).map((p) => [p.name, p]));
  function rowsOf() {  // [kind, name, share, name in the comparison, chance]
    const rows = [];
    for (const split of data.splits) {
      rows.push(["head", split.name, split.share, split.name, split.chance]);
      for (const subject of split.subjects) {
        rows.push(["sub", subject.name, subject.share, split.name + "/" + subject.name, subject.chance]);
      }
    }
    return rows;
  }

  function scores() {
    const overall = data.overall, all = pairs.get("");
    const left = el("div", {},
      el("div", { class: "big" }, percent(overall.mean), el("small", {}, "%")),
      el("p", { class: "say" }, `right, of ${count(overall.count)} questions`, el("br"),
        `95 % interval ${percent(overall.low)} to ${percent(overall.high)}`, el("br"),
        `${percent(overall.answered)} % answered`,
        overall.errors ? el("br") : null, overall.errors ? asked(overall) + "; the rest is in no score" : null));
    if (all) {
      const d = all.ours - all.base, sure = all.p < 0.05;
      left.append(el("span", { class: "delta" + (sure ? (d > 0 ? " up" : " down") : "") },
        `${points(d)} points against the baseline, p = ${all.p < 0.001 ? all.p.toExponential(1) : all.p.toFixed(3)}`));
    }
    const bars = el("div", { class: "bars" });
    const rows = rowsOf();
    for (const [kind, name, share, key, chance] of rows) {
      const p = pairs.get(key);
      bars.append(bar(name, share, kind, chance, p ? p.base : undefined));
    }
    const legend = el("div", { class: "legend" },
      el("span", {}, sample("l-whisker", "M1 2V8M1 5H17M17 2V8"), "95 % interval (Wilson)"),
      el("span", {}, sample("l-chance", "M9 0V10"), "guessing"),
      all ? el("span", {}, sample("l-was", "M9 0V10"), "baseline, on the common questions") : null);
    $("scores").append(el("h2", {}, "Scores"),
      el("div", { class: "panel" }, el("div", { class: "hero" }, left, el("div", {}, bars, legend))));

    const head = ["", "Asked", "Right %", "± s.e.", "95 % interval", "Answered %", "Not asked"];
    if (all) head.push("Baseline %", "Change", "Gained", "Lost", "p");
    const body = el("tbody");
    const line = (cls, name, share, key) => {
      const cells = [count(share.count), percent(share.mean), percent(share.standard_error), `${percent(share.low)}–${percent(share.high)}`,
        percent(share.answered), share.errors ? count(share.errors) : ""];
      if (all) {
        const p = pairs.get(key);
        cells.push(...(p ? [percent(p.base), points(p.ours - p.base), count(p.gained), count(p.lost),
          p.p < 0.001 ? p.p.toExponential(1) : p.p.toFixed(3)] : ["", "", "", "", ""]));
      }
      body.append(el("tr", { class: cls }, put(el("td"), name), ...cells.map((c) => el("td", {}, c))));
    };
    for (const [kind, name, share, key] of rows) line(kind === "head" ? "total" : "sub", name, share, key);
    line("total", "all", overall, "");
    for (const reading of data.readings || []) line("sub", "read as: " + reading.name, reading.share, null);
    const table = el("table", {}, el("thead", {}, el("tr", {}, ...head.map((h) => el("th", {}, h)))), body);
    $("scores").append(el("h2", {}, "By subject"), el("div", { class: "panel" }, el("div", { class: "scroll" }, table)));

    if (data.consistency && data.consistency.length) {
      const rows = data.consistency.map((c) => el("tr", {}, el("td", {}, c.name), el("td", {}, count(c.questions)),
        el("td", {}, percent(c.consistency)), el("td", {}, percent(c.accuracy)), el("td", {}, percent(c.answered))));
      $("scores").append(el("h2", {}, "Consistency"), el("div", { class: "panel" }, el("div", { class: "scroll" },
        el("table", {}, el("thead", {}, el("tr", {}, ...["Pictures moved by", "Questions", "Consistency %", "Accuracy %", "Answered %"].map((h) => el("th", {}, h)))),
          el("tbody", {}, ...rows))),
        el("p", { class: "note" }, "Consistency is the share of the commonest answer among a question's six pictures. No answer counts as an answer there: read it beside the share that was answered.")));
    }
  }

  function leaderboard() {
    const board = data.leaderboard;
    if (!board) return;
    const section = $("leaderboard");
    section.hidden = false;
    // The best ones, those around ours, and guessing; the rest on request.
    const at = board.rows.findIndex((r) => r.ours);
    const near = (r, i) => i < 3 || (at >= 0 ? Math.abs(i - at) <= 3 : i < 12) || r.name === "random";
    const rows = [];
    let hidden = 0;
    board.rows.forEach((r, i) => {
      const far = !near(r, i);
      hidden += far;
      rows.push(el("tr", { class: (r.ours ? "ours" : r.name === "random" ? "random" : "") + (far ? " far" : ""), hidden: far ? "" : null },
        el("td", { class: "rank" }, r.name === "random" ? "" : String(i + 1)),
        put(el("td"), r.name), ...r.scores.map((s) => el("td", { class: s === null ? "muted" : null }, s === null ? "–" : s.toFixed(1)))));
    });
    const groups = [];
    for (const c of board.columns) {
      const group = c.split(" ")[0];
      if (!groups.length || groups[groups.length - 1].name !== group) groups.push({ name: group, n: 0 });
      ++groups[groups.length - 1].n;
    }
    const table = el("table", { class: "board" }, el("thead", {},
      el("tr", {}, el("th"), el("th"), ...groups.map((g) => el("th", { colspan: g.n, class: "group" }, g.name.toUpperCase()))),
      el("tr", {}, el("th"), el("th", {}, "Model"), ...board.columns.map((c) => el("th", {}, c.includes(" ") ? c.slice(c.indexOf(" ") + 1) : "all")))),
      el("tbody", {}, ...rows));
    const panel = el("div", { class: "panel" }, el("div", { class: "scroll" }, table));
    if (hidden) {
      const button = el("button", { type: "button", class: "plain" }, `Show all ${board.rows.length} models`);
      button.addEventListener("click", () => {
        for (const row of rows) row.hidden = false;
        button.remove();
      });
      panel.append(button);
    }
    panel.append(...board.notes.map((n) => el("p", { class: "note" }, n)));
    section.append(el("h2", {}, "Among the published scores"), panel);
  }

  // ---- questions
  const NAMES = { right: "Right", wrong: "Wrong", none: "No answer", failed: "Not asked" };
  function verdictOf(q) {
    if (q.e) return "failed";
    if (q.v >= 1) return "right";
    return q.x === null || q.x === undefined ? "none" : "wrong";
  }
  const questions = data.questions;
  for (const q of questions) q.k = verdictOf(q);
  const program = (q) => (q.p >= 0 ? data.programs[q.p] : null);

  // One text to search in per question, made when the first search begins.
  let texts = null;
  function searchTexts() {
    if (texts) return texts;
    const programs = data.programs.map((p) => p.t.toLowerCase());
    texts = questions.map((q) => ({
      own: [q.i, q.q, ...(q.o || []), q.r || "", q.a, data.subjects[q.u] || ""].join("\n").toLowerCase(),
      program: q.p >= 0 ? programs[q.p] : "",
    }));
    return texts;
  }

  const state = { verdict: "all", split: "", subject: "", search: "" };
  let shown = [], built = 0;

  function filter() {
    const words = state.search;
    const t = words ? searchTexts() : null;
    shown = [];
    for (let i = 0; i < questions.length; ++i) {
      const q = questions[i];
      if (state.verdict === "changed" ? q.b === undefined || q.bs === q.v : state.verdict !== "all" && q.k !== state.verdict) continue;
      if (state.split !== "" && q.s !== +state.split) continue;
      if (state.subject !== "" && q.u !== +state.subject) continue;
      if (t && !t[i].own.includes(words) && !t[i].program.includes(words)) continue;
      shown.push(i);
    }
    built = 0;
    $("list").replaceChildren();
    $("count").textContent = shown.length === questions.length ? `${count(shown.length)} questions`
      : `${count(shown.length)} of ${count(questions.length)}`;
    if (!shown.length) $("list").append(el("li", { class: "empty" }, "No question fits these filters."));
    grow(BATCH);
  }
  function grow(n) {
    const end = Math.min(shown.length, built + n);
    const cards = document.createDocumentFragment();
    for (; built < end; ++built) cards.append(card(questions[shown[built]]));
    $("list").append(cards);
    $("more").hidden = built >= shown.length;
    $("unprinted").textContent = built < shown.length
      ? `${count(shown.length - built)} more questions are not printed. Filter the page to print others.` : "";
  }

  // ---- pictures
  const uri = (svg) => "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
  // An <img> wants the namespaces that people leave out.
  function named(svg) {
    const at = svg.search(/<svg[\s>]/);
    if (at < 0) return svg;
    const end = svg.indexOf(">", at);
    const tag = svg.slice(at, end < 0 ? undefined : end);
    let add = "";
    if (!/\sxmlns\s*=/.test(tag)) add += ' xmlns="http://www.w3.org/2000/svg"';
    if (!/\sxmlns:xlink\s*=/.test(tag) && svg.includes("xlink:")) add += ' xmlns:xlink="http://www.w3.org/1999/xlink"';
    return svg.slice(0, at + 4) + add + svg.slice(at + 4);
  }
  // What isn't well-formed XML may be readable as HTML is. The parsed document is inert: it
  // runs nothing and loads nothing, and only its text goes on, into an <img>. Handlers are
  // renamed before: the page's policy would refuse them, and complain.
  function repaired(svg) {
    const quiet = svg.replace(/([\s"'\/])on(\w+\s*=)/gi, "$1data-on$2");
    const found = new DOMParser().parseFromString(quiet, "text/html").querySelector("svg");
    return found ? new XMLSerializer().serializeToString(found) : null;
  }
  function wellFormed(text) { return text.isWellFormed ? text.isWellFormed() : true; }
  function picture(q) {
    const p = program(q);
    const sheet = el("div", { class: "sheet" });
    const figure = el("figure", { class: "picture" }, sheet);
    const say = (what) => sheet.replaceChildren(what);
    const svg = p === null ? null : p.d !== undefined ? p.d : p.l === "svg" ? named(p.t) : null;
    if (p === null) {
      say("no program in the question");
    } else if (p.w) {
      put(sheet, "not drawn: " + p.w);
    } else if (svg === null || !wellFormed(svg)) {
      say("not drawn");
    } else {
      const img = el("img", { alt: "The picture that the program draws", decoding: "async", loading: "lazy" });
      let tries = 0;
      img.addEventListener("error", () => {
        const again = ++tries === 1 && p.l === "svg" ? repaired(p.t) : null;
        if (again) {
          img.src = uri(again);
          figure.append(el("figcaption", {}, "The program is no well-formed XML; this is how a browser reads it."));
        } else {
          say("The program doesn't draw.");
        }
      });
      img.src = uri(svg);
      sheet.append(img);
      if (p.n) figure.append(put(el("figcaption"), p.n));
    }
    return figure;
  }

  function options(q) {
    const list = el("ol", { class: "options" });
    const best = q.l ? Math.max(...q.l) : 0;
    const sum = q.l ? q.l.reduce((s, v) => s + Math.exp(v - best), 0) : 0;
    q.o.forEach((text, i) => {
      const letter = String.fromCharCode(65 + i);
      const key = letter === q.a, chosen = q.x === letter, before = q.b === letter && q.bs !== q.v;
      const marks = [];
      if (q.l) marks.push(percent(Math.exp(q.l[i] - best) / sum) + " %");
      if (before) marks.push("baseline");
      if (chosen) marks.push("chosen");
      if (key) marks.push("✓ right");
      list.append(el("li", { class: key ? "key" : chosen ? "miss" : null },
        el("span", { class: "letter" }, letter), put(el("span", { class: "text" }), text, state.search),
        el("span", { class: "mark" }, marks.join(" · "))));
    });
    return list;
  }

  function card(q) {
    const needle = state.search;
    const verdict = q.k === "failed" ? "Not asked" : NAMES[q.k];
    const end = el("span", { class: "end" });
    if (q.b !== undefined && q.bs !== q.v) {
      end.append(put(el("span", { class: "pill" }), "baseline: " + (q.b === null ? "no answer" : q.b) + (q.bs >= 1 ? ", right" : ", wrong")));
    }
    end.append(el("span", { class: "pill " + q.k }, verdict));
    const header = el("header", {}, put(el("span", { class: "id" }), q.i, needle),
      put(el("span"), [data.splitNames[q.s], data.subjects[q.u]].filter(Boolean).join(" / ")),
      q.g ? el("span", {}, `${count(q.g)} tokens` + (q.f === "length" ? ", cut at the limit" : "")) : null, end);
    const right = el("div", {}, put(el("p", { class: "ask" }), q.q, needle));
    if (q.o && q.o.length) {
      right.append(options(q));
      if (q.x && !/^[A-Z]$/.test(q.x)) right.append(el("p", { class: "label" }, "Read as the answer"), put(el("p", { class: "words" }), q.x, needle));
    } else {
      right.append(el("p", { class: "label" }, "Right answer"), put(el("p", { class: "words" }), q.a, needle));
      if (q.x !== null && q.x !== undefined) right.append(el("p", { class: "label" }, "Answer given"), put(el("p", { class: "words" }), q.x, needle));
    }
    if (q.e) right.append(el("p", { class: "label" }, "Why it was not asked"), put(el("p", { class: "words" }), q.e, needle));
    if (q.r !== null && q.r !== undefined) {
      right.append(el("p", { class: "label" }, "The model's words"),
        q.r === "" ? el("p", { class: "words" }, "(nothing)") : put(el("p", { class: "words" }), q.r, needle));
    }
    const p = program(q);
    if (p) {
      const fold = el("details", {}, el("summary", {}, `Program, ${count(p.t.length)} characters`));
      const fill = () => {
        if (fold.children.length > 1) return;
        if (p.h !== undefined) fold.append(put(el("p", { class: "label" }), data.hints[p.h]));
        fold.append(put(el("pre", { class: "program" }), p.t, needle));
      };
      fold.addEventListener("toggle", fill);
      if (needle && p.t.toLowerCase().includes(needle)) {
        fill();
        fold.open = true;
      }
      right.append(fold);
    }
    return el("li", { class: "card " + q.k }, header, el("div", { class: "body" }, picture(q), right));
  }

  // ---- controls
  function controls() {
    const numbers = { all: questions.length, changed: 0 };
    for (const q of questions) {
      numbers[q.k] = (numbers[q.k] || 0) + 1;
      if (q.b !== undefined && q.bs !== q.v) ++numbers.changed;
    }
    const kinds = [["all", "All"], ["wrong", "Wrong"], ["right", "Right"], ["none", "No answer"], ["failed", "Not asked"]];
    if (data.paired) kinds.push(["changed", "Changed"]);
    for (const [kind, name] of kinds) {
      if (!numbers[kind] && (kind === "failed" || kind === "none")) continue;
      const button = el("button", { type: "button", "data-verdict": kind, "aria-pressed": String(kind === "all"), disabled: numbers[kind] ? null : "" },
        name, el("small", {}, count(numbers[kind] || 0)));
      button.addEventListener("click", () => {
        state.verdict = kind;
        for (const b of $("verdicts").children) b.setAttribute("aria-pressed", String(b === button));
        filter();
      });
      $("verdicts").append(button);
    }
    const fill = (select, names, all) => {
      select.append(el("option", { value: "" }, all));
      names.forEach((name, i) => { if (name) select.append(put(el("option", { value: i }), name)); });
      if (select.options.length < 3) select.closest("label").hidden = true;
    };
    fill($("split"), data.splitNames, "all");
    fill($("subject"), data.subjects, "all");
    for (const id of ["split", "subject"]) {
      $(id).addEventListener("change", (e) => {
        state[id] = e.target.value;
        filter();
      });
    }
    let waiting;
    $("search").addEventListener("input", (e) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        state.search = e.target.value.trim().toLowerCase();
        filter();
      }, 150);
    });
    $("more").querySelector("button").addEventListener("click", () => grow(BATCH));
    if ("IntersectionObserver" in window) {
      new IntersectionObserver((entries) => {
        if (entries.some((e) => e.isIntersecting) && built < shown.length) grow(BATCH);
      }, { rootMargin: "1200px" }).observe($("more"));
    }
    addEventListener("beforeprint", () => {
      grow(Math.max(0, MOST_PRINTED - built));
      for (const img of document.images) img.loading = "eager";
    });
  }

  // ---- the page
  const m = data.meta;
  put($("title"), m.title);
  const fact = (name, value) => value ? el("span", {}, name + " ", put(el("b"), String(value))) : null;
  $("facts").append(...[fact("protocol", m.protocol), fact("questions", asked(data.overall)),
    fact("tokens generated", m.generated ? count(m.generated) : ""), fact("baseline", m.baseline)].filter(Boolean));
  put($("footer"), "Written by sgp-eval " + m.version + ". SGP-Bench: arXiv 2408.08313." + (m.cut ? " " + m.cut : ""));
  scores();
  leaderboard();
  controls();
  filter();
})();
