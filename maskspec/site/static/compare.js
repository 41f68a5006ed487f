// What changes from one cell to another, as `python -m maskspec diff` has it; data/upgrade.json says
// what its keys mean. Tests compare the two.
const HOLDS = "holds", REFUTED = "refuted", UNAVAILABLE = "unavailable", RAISES = "raises ", UNDECIDED = "undecided";

const ENDS = { refuted: "No longer so: ", partly: "No longer so: ", unavailable: "No longer there: " };

// Names that all code has, and that say nothing of what it uses.
const COMMON = ["None", "True", "False", "Sequential", "Model", "Input", "Layer"];

export function at(runs, place) {
  for (let n = 0; n < runs.length; n += 2) {
    place -= runs[n + 1];
    if (place < 0) return runs[n];
  }
  return -1;
}

function verdictOf(verdicts) {
  if (!verdicts.length) return "undecided";
  const decided = [...new Set(verdicts)].filter((verdict) => verdict !== UNAVAILABLE);
  if (!decided.length) return UNAVAILABLE;
  return decided.length === 1 ? decided[0] : "partly";
}

function kindOf(claim, [was, oldError, hadNoName], [now, newError, hasNoName]) {
  if (now === UNAVAILABLE) return "gone";
  if (was === UNAVAILABLE) return "new";
  if (hasNoName || hadNoName) return now === REFUTED ? "gone" : "new";
  if (claim.errors) return now === HOLDS ? "raising now" : "no longer raising";
  if (claim.warnings) return "warned otherwise";
  if (newError) return "raising now";
  return oldError ? "no longer raising" : "silently different";
}

/** Where a word stands alone. */
const whole = (word) => new RegExp(
  `(?<![A-Za-z0-9])${word.replace(/[^A-Za-z0-9_]/g, "\\$&")}(?![A-Za-z0-9])`, "i");

export class Comparison {
  constructor(data) {
    this.data = data;
    this.places = new Map(data.cells.map((cell, place) => [cell.name, place]));
    this.claims = new Map(data.claims.map((claim) => [claim.id, claim]));
    this.order = Object.keys(data.kinds);
    this.named = new Map(); // what people call a subject: the names of its pages
    for (const { public: name } of data.subjects) {
      const short = name.split(".").at(-1);
      this.named.set(short, new Set(this.named.get(short)).add(name));
    }
  }

  rows(claim, cell) {
    const found = new Map();
    for (const [name, runs] of claim.cases) {
      const code = at(runs, this.places.get(cell));
      if (code >= 0) found.set(name, this.data.codes[code]);
    }
    return found;
  }

  /** By cell, how many cases of the other were not run there. */
  notRun(before, after) {
    const count = (one, other) => this.data.claims.reduce((sum, claim) => {
      const there = this.rows(claim, other);
      const gone = [...this.rows(claim, one)].filter(([name, [verdict]]) => verdict !== UNDECIDED &&
        (!there.has(name) || (other === before && there.get(name)[0] === UNDECIDED)));
      return sum + gone.length;
    }, 0);
    return [[before, count(after, before)], [after, count(before, after)]];
  }

  changes(before, after) {
    return this.data.claims.map((claim) => this.change(claim, before, after)).filter(Boolean);
  }

  change(claim, before, after) {
    const was = this.rows(claim, before), now = this.rows(claim, after);
    const cases = [], observed = [], vanished = [], kinds = new Set();
    for (const [name, [verdict]] of was) if (verdict === UNDECIDED || !now.has(name)) was.delete(name);
    for (const name of now.keys()) if (!was.has(name)) now.delete(name);
    for (const [name, old] of was) {
      const next = now.get(name);
      if (next[0] === UNDECIDED) {
        vanished.push(name);
        now.delete(name);
      } else if (old[0] !== next[0]) {
        cases.push([name, old[0], next[0]]);
        kinds.add(kindOf(claim, old, next));
      } else if (old[1] !== next[1]) observed.push([name, old[1], next[1]]);
    }
    if (vanished.length) kinds.add("no longer decidable");
    if (observed.length) kinds.add("worded otherwise");
    if (!kinds.size) return null;
    const refuted = cases.some(([, , verdict]) => verdict === REFUTED);
    const instead = (refuted ? this.data.instead[claim.id] || [] : []).filter((id) => {
      const verdicts = [...this.rows(this.claims.get(id), after).values()].map(([verdict]) => verdict);
      return verdicts.length && verdicts.every((verdict) => verdict === HOLDS);
    });
    const [old, next] = [was, now].map((rows) => verdictOf([...rows.values()].map(([verdict]) => verdict)));
    return {
      claim, cases, observed, vanished, instead, of: was.size, before: old, after: next,
      lead: old === next ? "" : next === HOLDS ? "Now so: " : (old === HOLDS && ENDS[next]) || "",
      kind: this.order.find((kind) => kinds.has(kind)),
    };
  }

  /** The facts that differ; of the subjects with these pages only, if any are named. */
  facts(before, after, pages = []) {
    const { subjects, outcomes, atlases } = this.data;
    if (!atlases.includes(before) || !atlases.includes(after)) return null;
    const word = (runs, cell) => outcomes[at(runs, this.places.get(cell))] || "";
    const found = [];
    for (const subject of subjects) {
      if (pages.length && !pages.includes(subject.public)) continue;
      const all = Object.entries(subject.facts);
      const has = (cell) => all.some(([, runs]) => word(runs, cell));
      if (!has(before) || !has(after)) continue;
      const mask = subject.facts["out.mask"] || [-1, this.data.cells.length];
      const broken = [before, after].some((cell) => word(mask, cell).startsWith(RAISES));
      for (const [aspect, runs] of all) {
        const old = word(runs, before), next = word(runs, after);
        if (old !== next && ((old && next) || !broken)) found.push({ subject, aspect, before: old, after: next });
      }
    }
    return found;
  }

  /** The steps between neighbours that lead from one cell to another, as the cells they come to. */
  path(before, after) {
    const steps = [];
    for (let cell = after; cell !== before; cell = this.data.before[cell]) {
      if (!cell || steps.includes(cell)) return [];
      steps.push(cell);
    }
    return steps;
  }

  causes(id, steps) {
    return steps.flatMap((cell) => this.data.causes[cell]?.[id] || []);
  }

  /** What a text names of what we know: typed words as they are, of code only names we know. */
  words(text) {
    const names = [...this.named.keys()];
    const small = new Map(names.map((name) => [name.toLowerCase(), name]));
    const known = (word) => (this.named.has(word) ? word : small.get(word.toLowerCase()) || word);
    if (!/[=(\n]/.test(text)) {
      const typed = text.split(/[\s,;]+/).filter(Boolean);
      return [...new Set(typed.map((word) => known(word.split(".").at(-1))))];
    }
    const found = new Set(text.match(/[A-Za-z_][A-Za-z0-9_]*/g) || []);
    return [...found].filter((name) => !COMMON.includes(name) && (this.named.has(name) || this.vocabulary.has(name)));
  }

  /** The pages of those of ``words`` that are subjects. */
  pages(words) {
    return words.flatMap((word) => [...(this.named.get(word) || [])]);
  }

  /** Names in the code of claims that no one uses for anything else: ``SampleWeight``, ``sample_weight``. */
  get vocabulary() {
    if (!this.known) {
      const code = this.data.claims.flatMap((claim) => claim.text.match(/`[^`\n]*`/g) || []);
      const names = code.join(" ").match(/[A-Za-z_][A-Za-z0-9_]*/g) || [];
      this.known = new Set([...names, "mse", "mae"].filter((name) =>
        /^[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*$|^[a-z][a-z0-9]*(_[a-z0-9]+)+$|^mse$|^mae$/.test(name) &&
        !COMMON.includes(name)));
    }
    return this.known;
  }

  /** Those of ``changes`` whose claim names one of ``words``: in its id, text, or cases. */
  about(changes, words) {
    const forms = words.map(whole);
    return changes.filter(({ claim, cases }) => {
      const text = [claim.text, ...cases.map(([name]) => name)].join("\n");
      return forms.some((form) => form.test(text));
    });
  }

  /** The same, and those whose claim explains facts of a subject that is named. */
  concerning(changes, words) {
    const named = this.about(changes, words);
    const pages = this.pages(words);
    return changes.filter((change) =>
      named.includes(change) || change.claim.explains.some((page) => pages.includes(page)));
  }

  /** Whether anything here speaks of a word. */
  knows(word) {
    const form = whole(word);
    return this.named.has(word) || this.data.claims.some(({ text, cases }) =>
      form.test(text) || cases.some(([name]) => form.test(name)));
  }
}
