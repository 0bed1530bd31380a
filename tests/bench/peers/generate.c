/* Our half of generate.py: generates with a model whenever it is told to.
 *
 *     generate MODEL PRECISION THREADS [CPU]
 *
 * MODEL: a checkpoint or a GGUF file; CPU: as of --cpu. Each line "PROMPT TOKENS" on standard input
 * makes it read a prompt of so many tokens, then draw so many tokens one by one, always the most
 * likely; it answers with the tokens a second of both, and the last token. "read" measures the rate
 * of reading memory, in bytes a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/peaks.h"
#include "model/generate.h"
#include "ops/session.h"
#include "saved/saved.h"

static int32_t likeliest(const float *logits, int64_t n) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return (int32_t)best;
}

/* Token i of every prompt: generate.mjs has the same. */
static int32_t prompt_token(int64_t i) {
    return (int32_t)(i * 7919 % 256);
}

static void answer(lm_decoder *d, int64_t vocab, int64_t prompt, int64_t tokens) {
    int32_t ids[4096];
    for (int64_t i = 0; i < prompt; i++) ids[i] = prompt_token(i);
    lm_decoder_clear(d, 0);
    double begin = lm_clock_seconds();
    int32_t token = likeliest(lm_decoder_feed(d, 0, ids, prompt), vocab);
    double read = lm_clock_seconds();
    for (int64_t i = 0; i < tokens; i++) token = likeliest(lm_decoder_next(d, token), vocab);
    double end = lm_clock_seconds();
    printf("%.3f %.3f %d\n", (double)prompt / (read - begin), (double)tokens / (end - read),
           (int)token);
}

int main(int argc, char **argv) {
    lm_error err = {0};
    lm_session session = {0};
    lm_saved saved = {0};
    lm_text skipped = {0};
    lm_model *model = NULL;
    lm_decoder *d = NULL;
    lm_isa_mask isas = lm_cpu_detect();
    static double samples[LM_BENCH_MOST_SAMPLES];
    lm_bench_peaks peaks = {.session = &session, .seconds = 0.05, .samples = samples};
    char line[64];
    if (argc < 4) return fprintf(stderr, "generate MODEL PRECISION THREADS [CPU]\n"), 2;
    if ((argc > 4 && lm_cpu_limit(argv[4], &isas, &err) != LM_OK) ||
        lm_session_open(&session, atoi(argv[3]), isas, &err) != LM_OK ||
        lm_saved_open(&saved, argv[1], session.compute.pool, &skipped, &err) != LM_OK ||
        lm_saved_model(&saved, 1, &session.compute, &model, &err) != LM_OK)
        return fprintf(stderr, "generate: %s\n", err.message), 1;
    session.compute.precision = strcmp(argv[2], "bf16") == 0 ? LM_BF16 : LM_FP32;
    if (lm_decoder_create(&d, model, &(lm_decoder_options){0}, &err) != LM_OK)
        return fprintf(stderr, "generate: %s\n", err.message), 1;
    int64_t vocab = lm_model_get_options(model)->vocab_size;
    int64_t context = lm_model_get_options(model)->context_length;
    while (fgets(line, sizeof line, stdin)) {
        long prompt = 0, tokens = 0;
        if (strncmp(line, "read", 4) == 0)
            printf("%.4g\n", lm_bench_peak_measure(&peaks, LM_BENCH_PEAK_READ));
        else if (sscanf(line, "%ld %ld", &prompt, &tokens) == 2 && prompt > 0 && prompt <= 4096 &&
                 prompt + tokens <= context)
            answer(d, vocab, prompt, tokens);
        else
            printf("error\n");
        fflush(stdout);
    }
    lm_decoder_free(d);
    lm_model_free(model);
    lm_saved_close(&saved);
    lm_text_free(&skipped);
    lm_session_close(&session);
    return 0;
}
