// chat.mjs GGUF QUESTION: the answer of a chat model in the real llama.cpp, by node-llama-cpp of
// $LLAMA_CPP_NODE/node_modules. The chat template is the file's own.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const [gguf, question] = process.argv.slice(2);
const require = createRequire(process.env.LLAMA_CPP_NODE + "/");
const {getLlama, LlamaChatSession, LlamaLogLevel} = await import(
    pathToFileURL(require.resolve("node-llama-cpp")).href);
const llama = await getLlama({build: "never", gpu: false, maxThreads: 1, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: gguf});
const context = await model.createContext({contextSize: 256, threads: 1});
const session = new LlamaChatSession({contextSequence: context.getSequence()});
console.log(`template: ${session.chatWrapper.wrapperName}`);
console.log(await session.prompt(question, {maxTokens: 80, temperature: 0}));
process.exit(0);
