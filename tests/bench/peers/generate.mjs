// llama.cpp's half of generate.py, by node-llama-cpp: generate.mjs GGUF THREADS. Lines on standard input and
// answers are those of generate.c, "read" apart. Keys and values are F32, as ours are; the likeliest token is
// picked by llama.cpp itself. Between two tokens the JavaScript around it takes some microseconds.
import {createRequire} from "node:module";
import {createInterface} from "node:readline";
import {pathToFileURL} from "node:url";

const require = createRequire(process.env.LLAMA_CPP_NODE + "/");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);
const [gguf, count, context] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const llama = await getLlama({
    build: "never", gpu: false, maxThreads: count, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: gguf});
const sequence = (await model.createContext({
    contextSize: context,
    batchSize: context,
    threads: {ideal: count, min: count},
    flashAttention: process.env.FLASH === "1",
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
})).getSequence();

for await (const line of createInterface({input: process.stdin})) {
    const [prompt, tokens] = line.split(" ").map(Number);
    const ids = Array.from({length: prompt}, (_, i) => (i * 7919) % 256);
    await sequence.clearHistory();
    const begin = performance.now();
    let read = begin, last = -1, left = tokens;
    for await (const token of sequence.evaluate(ids, {temperature: 0, yieldEogToken: true})) {
        last = token;
        if (left === tokens) read = performance.now();
        if (left-- === 0) break;
    }
    const end = performance.now();
    console.log(`${(prompt * 1e3 / (read - begin)).toFixed(3)} ` +
        `${(tokens * 1e3 / (end - read)).toFixed(3)} ${last}`);
}
process.exit(0);
