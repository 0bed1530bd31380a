// exported_ids.mjs GGUF TEXTS OUTPUT: the ids that the real llama.cpp gives to texts, by node-llama-cpp of
// $LLAMA_CPP_NODE/node_modules. TEXTS holds a JSON object {"text"} a line; OUTPUT is written as u32: of each
// text how many ids there are, then the ids. Special tokens that stand in a text are text.
import {createReadStream, createWriteStream} from "node:fs";
import {createRequire} from "node:module";
import {createInterface} from "node:readline";
import {pathToFileURL} from "node:url";

const [gguf, texts, output] = process.argv.slice(2);
const require = createRequire(process.env.LLAMA_CPP_NODE + "/");
const {getLlama, LlamaLogLevel} = await import(
    pathToFileURL(require.resolve("node-llama-cpp")).href);
const llama = await getLlama({build: "never", gpu: false, maxThreads: 1, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: gguf, vocabOnly: true});
const out = createWriteStream(output);
for await (const line of createInterface({input: createReadStream(texts), crlfDelay: Infinity})) {
    const ids = model.tokenize(JSON.parse(line).text);
    const bytes = Buffer.from(Uint32Array.from([ids.length, ...ids]).buffer);
    if (!out.write(bytes)) await new Promise((done) => out.once("drain", done));
}
await new Promise((done) => out.end(done));
process.exit(0);
