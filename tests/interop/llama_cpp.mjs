// llama_cpp.mjs JOBS: what the real llama.cpp computes of GGUF files, by node-llama-cpp. JOBS is a JSON
// file: an array of {gguf, ids, prompt, greedy, text}. For each a line of JSON:
//   losses  -log p of ids[i + 1] after ids[0 .. i]
//   greedy  [[id, p, p of the second]...]: so many likeliest tokens after the prompt's ids
//   tokens  the ids of the text
// In fp32 throughout: F32 keys and values, no flash attention, no sampler (a temperature would switch
// samplers on, which change the probabilities).
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const require = createRequire(process.env.LLAMA_CPP_NODE + "/");
const {getLlama, LlamaLogLevel} = await import(
    pathToFileURL(require.resolve("node-llama-cpp")).href);
const llama = await getLlama({
    build: "never", gpu: false, maxThreads: 1, logLevel: LlamaLogLevel.error});

async function probabilities(sequence, ids) {
    const out = await sequence.controlledEvaluate(
        ids.map((id) => [id, {generateNext: {probabilities: true}}]));
    return out.map((o) => o.next.probabilities);
}

for (const job of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
    const answer = {gguf: job.gguf};
    try {
        const model = await llama.loadModel({modelPath: job.gguf, useMmap: true});
        const context = await model.createContext({
            contextSize: job.context,
            batchSize: job.context,
            threads: 1, // threads that wait for one another on a busy machine take minutes
            flashAttention: false,
            experimentalKvCacheKeyType: "F32",
            experimentalKvCacheValueType: "F32",
        });
        const sequence = context.getSequence();
        const p = await probabilities(sequence, job.ids.slice(0, -1));
        answer.losses = p.map((map, i) => -Math.log(map.get(job.ids[i + 1])));
        await sequence.clearHistory();
        answer.greedy = [];
        let next = job.prompt;
        for (let i = 0; i < job.greedy; i++) {
            const last = (await probabilities(sequence, next)).at(-1);
            const [first, second] = [...last.entries()].sort((a, b) => b[1] - a[1]);
            answer.greedy.push([first[0], first[1], second[1]]);
            next = [first[0]];
        }
        if (job.text !== undefined) answer.tokens = [...model.tokenize(job.text)];
        await context.dispose();
        await model.dispose();
    } catch (error) {
        answer.error = String(error);
    }
    /* process.exit would cut off what a pipe, which holds 64 KiB, has not taken yet. */
    await new Promise((done) => process.stdout.write(JSON.stringify(answer) + "\n", done));
}
process.exit(0);
