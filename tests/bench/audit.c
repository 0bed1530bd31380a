/* What the digest of the weights costs: steps with and without it, in turn within one process, so
 * that a busy machine slows both alike. Prints medians over pairs, in CPU time of all threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/corpus.h"
#include "machine/cpu.h"
#include "tests/bench/timing.h"
#include "train/trainer.h"

static const struct {
    const char *name;
    int64_t vocab;
    const char *text; /* from within "model" on */
    int pairs;
} runs[] = {
    {"128 wide, 12 x 64 tokens", 65,
     "\"d_model\": 128, \"n_layers\": 4, \"n_heads\": 4, \"context_length\": 64},"
     "\"train\": {\"micro_batch\": 12}",
     200},
    {"384 wide, 16 x 256 tokens", 65,
     "\"d_model\": 384, \"n_layers\": 6, \"n_heads\": 6, \"context_length\": 256},"
     "\"train\": {\"micro_batch\": 16}",
     5},
};

static double step(lm_trainer *t, lm_config *c, int64_t digest_every, lm_error *err) {
    c->log.digest_every = digest_every;
    double before = cpu_seconds();
    if (lm_trainer_step(t, err) != LM_OK) return -1;
    return cpu_seconds() - before;
}

static double digest(lm_trainer *t) {
    double before = cpu_seconds();
    lm_audit_weights(&t->audit, lm_model_weights(t->model), t->pool);
    return cpu_seconds() - before;
}

static lm_status measure(lm_trainer *t, lm_config *c, int row, lm_error *err) {
    enum { MOST = 200 };
    double without[MOST], more[MOST], alone[MOST];
    int n = runs[row].pairs;
    for (int i = -1; i < n; i++) { /* the first pair meets memory for the first time */
        int k = i < 0 ? 0 : i;
        double took[2];
        for (int j = 0; j < 2; j++) { /* either goes first as often */
            int with = j ^ (k & 1);
            if ((took[with] = step(t, c, with, err)) < 0) return err->code;
        }
        without[k] = took[0];
        more[k] = took[1] - took[0];
    }
    for (int i = 0; i < n; i++) alone[i] = digest(t);
    double whole = median(without, n), d = median(alone, n);
    printf("%-26s step %9.3f ms  with digest %+6.2f%%  digest alone %8.4f ms: %5.2f%%\n",
           runs[row].name, 1e3 * whole, 100 * median(more, n) / whole, 1e3 * d, 100 * d / whole);
    fflush(stdout);
    return LM_OK;
}

static lm_status run(int row, lm_error *err) {
    lm_bench_corpus corpus;
    lm_config c = {0};
    lm_train_settings settings = {.config = &c, .isas = lm_cpu_detect()};
    lm_trainer t = {.settings = &settings, .config = &c};
    lm_text text = {0};
    lm_status status = lm_bench_corpus_make(&corpus, runs[row].vocab, err);
    if (status != LM_OK) return status;
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"none\"}, \"data\": {\"train\": \"%s\"},"
                   " \"model\": {\"vocab_size\": %lld, %s}",
                   corpus.path, (long long)runs[row].vocab, runs[row].text);
    status = lm_config_parse(&c, "bench", lm_text_cstr(&text), text.length, NULL, 0, err);
    if (status == LM_OK) status = lm_setup_open(&t.setup, &c, 0, settings.isas, true, err);
    if (status == LM_OK) status = lm_setup_check_memory(&t.setup, err);
    if (status == LM_OK) status = lm_trainer_create(&t, err);
    if (status == LM_OK) {
        lm_model_init(t.model, 1);
        status = measure(&t, &c, row, err);
    }
    lm_trainer_free(&t);
    lm_config_free(&c);
    lm_text_free(&text);
    lm_bench_corpus_free(&corpus);
    return status;
}

int main(void) {
    lm_error err = {0};
    for (int row = 0; row < (int)(sizeof runs / sizeof *runs); row++)
        if (run(row, &err) != LM_OK) {
            fprintf(stderr, "audit: %s\n", err.message);
            return 1;
        }
    return 0;
}
