// Compares two texts word by word: which words only one of them has. Knows nothing of pages.
//
// Equal ends are cut off; small stretches are aligned exactly (longest common subsequence); large ones are split at the
// words that both have exactly once, in the order that keeps most of them. What has no such word is taken to differ, so
// that two texts of any length are compared in a moment.
"use strict";
globalThis.sparkles = globalThis.sparkles || {};
(() => {
  const CELLS = 300000; // of the table of one exact alignment
  const SPLITS = 2000;
  const WORD = /[\p{L}\p{M}\p{N}]+|[^\p{L}\p{M}\p{N}\s]/gu;

  const wordsOf = (text) => {
    const found = [];
    for (const match of text.matchAll(WORD)) {
      found.push({ text: match[0], start: match.index, end: match.index + match[0].length });
    }
    return found;
  };

  // Marks in `same` the pairs (i of a, j of b) of a longest common subsequence of a[a0, a1) and b[b0, b1).
  const align = (a, b, a0, a1, b0, b1, same) => {
    const width = b1 - b0 + 1;
    const best = new Uint16Array((a1 - a0 + 1) * width);
    for (let i = a1 - 1; i >= a0; i--) {
      for (let j = b1 - 1; j >= b0; j--) {
        const at = (i - a0) * width + (j - b0);
        best[at] = a[i].text === b[j].text ? best[at + width + 1] + 1 : Math.max(best[at + width], best[at + 1]);
      }
    }
    for (let i = a0, j = b0; i < a1 && j < b1; ) {
      const at = (i - a0) * width + (j - b0);
      if (a[i].text === b[j].text) same(i++, j++);
      else if (best[at + width] >= best[at + 1]) i++;
      else j++;
    }
  };

  // Pairs of words that stand once in either stretch, as many as keep their order (longest increasing subsequence).
  const anchors = (a, b, a0, a1, b0, b1) => {
    const places = new Map();
    const note = (words, from, to, side) => {
      for (let i = from; i < to; i++) {
        const seen = places.get(words[i].text) || { a: -1, b: -1, twice: false };
        if (seen[side] >= 0) seen.twice = true;
        seen[side] = i;
        places.set(words[i].text, seen);
      }
    };
    note(a, a0, a1, "a");
    note(b, b0, b1, "b");
    const pairs = [...places.values()].filter((seen) => !seen.twice && seen.a >= 0 && seen.b >= 0);
    pairs.sort((one, two) => one.a - two.a);
    const tails = [];
    for (const pair of pairs) {
      let low = 0;
      let high = tails.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (tails[middle].b < pair.b) low = middle + 1;
        else high = middle;
      }
      pair.before = low ? tails[low - 1] : null;
      tails[low] = pair;
    }
    const kept = [];
    for (let pair = tails[tails.length - 1]; pair; pair = pair.before) kept.push(pair);
    return kept.reverse();
  };

  const compare = (a, b) => {
    const onlyA = new Uint8Array(a.length).fill(1);
    const onlyB = new Uint8Array(b.length).fill(1);
    const same = (i, j) => {
      onlyA[i] = 0;
      onlyB[j] = 0;
    };
    const stretches = [[0, a.length, 0, b.length]];
    let splits = 0;
    while (stretches.length) {
      let [a0, a1, b0, b1] = stretches.pop();
      while (a0 < a1 && b0 < b1 && a[a0].text === b[b0].text) same(a0++, b0++);
      while (a0 < a1 && b0 < b1 && a[a1 - 1].text === b[b1 - 1].text) same(--a1, --b1);
      if (a0 === a1 || b0 === b1) continue;
      if ((a1 - a0) * (b1 - b0) <= CELLS) {
        align(a, b, a0, a1, b0, b1, same);
      } else if (splits++ < SPLITS) {
        let [i, j] = [a0, b0];
        const kept = anchors(a, b, a0, a1, b0, b1);
        for (const pair of kept) {
          same(pair.a, pair.b);
          stretches.push([i, pair.a, j, pair.b]);
          [i, j] = [pair.a + 1, pair.b + 1];
        }
        if (kept.length) stretches.push([i, a1, j, b1]);
      }
    }
    return [onlyA, onlyB];
  };

  // A lone short word that happens to be common, between words that differ, reads as a difference too.
  const smooth = (words, only) => {
    for (let i = 1; i + 1 < words.length; i++) {
      if (!only[i] && only[i - 1] && only[i + 1] && words[i].text.length < 3) only[i] = 1;
    }
  };

  const ranges = (words, only) => {
    const found = [];
    words.forEach((word, i) => {
      if (!only[i]) return;
      if (i && only[i - 1]) found[found.length - 1][1] = word.end;
      else found.push([word.start, word.end]);
    });
    return found;
  };

  // {a, b: [start, end) of what only that text has, in characters; share: of the words that both have}
  globalThis.sparkles.difference = (one, two) => {
    const [a, b] = [wordsOf(one), wordsOf(two)];
    const [onlyA, onlyB] = compare(a, b);
    const common = onlyA.reduce((sum, only) => sum + (only ? 0 : 1), 0);
    smooth(a, onlyA);
    smooth(b, onlyB);
    const most = Math.max(a.length, b.length);
    return { a: ranges(a, onlyA), b: ranges(b, onlyB), share: most ? common / most : 1 };
  };
})();
