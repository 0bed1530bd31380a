/* What reports cost a run: the line of metrics.jsonl and the events of a step, and a page that is
 * written every ten seconds, beside the step itself. All are measured one after the other in CPU
 * time of the process, so that other work on the machine takes no share of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "bench/corpus.h"
#include "machine/cpu.h"
#include "report/metrics.h"
#include "report/tensorboard.h"
#include "tests/bench/timing.h"
#include "tests/support/tempdir.h"
#include "train/page.h"
#include "train/trainer.h"

enum { ROUNDS = 9, ROWS = 1000, PAGE_SECONDS = 10 };

static const struct {
    const char *name;
    int64_t tokens; /* of a step */
    const char *text;
    int steps;
} runs[] = {
    {"0.8M: 4 x 128, 12 x 64 tokens", 12 * 64,
     "\"d_model\": 128, \"n_layers\": 4, \"n_heads\": 4, \"context_length\": 64},"
     "\"train\": {\"micro_batch\": 12}",
     30},
    {"10.7M: 6 x 384, 16 x 256 tokens", 16 * 256,
     "\"d_model\": 384, \"n_layers\": 6, \"n_heads\": 6, \"context_length\": 256},"
     "\"train\": {\"micro_batch\": 16}",
     3},
};
enum { RUNS = sizeof runs / sizeof *runs };

typedef struct rows {
    lm_metrics metrics;
    lm_events events;
    int64_t step;
} rows;

static lm_status add_rows(rows *r, int64_t n, bool metrics, bool events, lm_error *err) {
    lm_status status = LM_OK;
    for (int64_t i = 0; i < n && status == LM_OK; i++) {
        const double x = (double)++r->step;
        const lm_step_figures f = {.step = r->step,
                                   .tokens = 768 * r->step,
                                   .loss = 2 + 1 / x,
                                   .lr = 1e-3 * cos(1e-5 * x),
                                   .grad_norm = 0.7 + 1e-6 * x,
                                   .digest = 0x9E3779B97F4A7C15u * (uint64_t)r->step,
                                   .tokens_per_s = 36571.4 + x,
                                   .seconds = 0.021 * x};
        if (metrics) status = lm_metrics_step(&r->metrics, &f, NULL, err);
        if (!events) continue;
        lm_events_begin(&r->events, r->step);
        lm_events_scalar(&r->events, "loss", f.loss);
        lm_events_scalar(&r->events, "lr", f.lr);
        lm_events_scalar(&r->events, "grad_norm", f.grad_norm);
        lm_events_scalar(&r->events, "tokens_per_s", f.tokens_per_s);
        lm_events_scalar(&r->events, "tokens", (double)f.tokens);
        lm_events_end(&r->events);
    }
    return status;
}

/* Seconds for a line of metrics, and for the events of a step. */
static lm_status measure_rows(rows *r, double *line, double *event, lm_error *err) {
    double lines[ROUNDS], events[ROUNDS];
    lm_status status = LM_OK;
    for (int i = 0; i < ROUNDS && status == LM_OK; i++) {
        double before = cpu_seconds();
        status = add_rows(r, ROWS, true, false, err);
        lines[i] = (cpu_seconds() - before) / ROWS;
        before = cpu_seconds();
        if (status == LM_OK) status = add_rows(r, ROWS, false, true, err);
        events[i] = (cpu_seconds() - before) / ROWS;
    }
    *line = median(lines, ROUNDS);
    *event = median(events, ROUNDS);
    return status;
}

/* Seconds for a page, `more` steps after the one before. */
static lm_status measure_page(rows *r, const char *dir, int64_t more, double *page, lm_error *err) {
    double took[ROUNDS];
    char *path = lm_file_join(dir, "report.html");
    lm_page_writer w = {0};
    lm_page_writer_begin(&w, true, PAGE_SECONDS);
    lm_status status = path ? LM_OK : lm_error_no_memory(err, dir);
    for (int i = -1; i < ROUNDS && status == LM_OK; i++) { /* the first reads all that is there */
        if ((status = add_rows(r, more, true, false, err)) != LM_OK) break;
        double before = cpu_seconds();
        status = lm_page_writer_write(&w, dir, path, true, 0, err);
        if (i >= 0) took[i] = cpu_seconds() - before;
    }
    *page = median(took, ROUNDS);
    lm_page_writer_free(&w);
    free(path);
    return status;
}

/* CPU seconds of a step of the run. */
static lm_status measure_step(int row, double *step, int64_t *threads, lm_error *err) {
    lm_bench_corpus corpus;
    lm_config c = {0};
    lm_train_settings settings = {.config = &c, .isas = lm_cpu_detect()};
    lm_trainer t = {.settings = &settings, .config = &c};
    lm_text text = {0};
    double took[64];
    lm_status status = lm_bench_corpus_make(&corpus, 65, err);
    if (status != LM_OK) return status;
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"none\"}, \"data\": {\"train\": \"%s\"},"
                   " \"model\": {\"vocab_size\": 65, %s}",
                   corpus.path, runs[row].text);
    status = lm_config_parse(&c, "bench", lm_text_cstr(&text), text.length, NULL, 0, err);
    if (status == LM_OK) status = lm_setup_open(&t.setup, &c, 0, settings.isas, true, err);
    if (status == LM_OK) status = lm_setup_check_memory(&t.setup, err);
    if (status == LM_OK) status = lm_trainer_create(&t, err);
    if (status == LM_OK) lm_model_init(t.model, 1);
    for (int i = -1; i < runs[row].steps && status == LM_OK; i++) {
        double before = cpu_seconds();
        status = lm_trainer_step(&t, err);
        if (i >= 0) took[i] = cpu_seconds() - before;
    }
    *step = median(took, runs[row].steps);
    *threads = t.setup.threads;
    lm_trainer_free(&t);
    lm_config_free(&c);
    lm_text_free(&text);
    lm_bench_corpus_free(&corpus);
    return status;
}

/* The share of a run's CPU time. A page comes every PAGE_SECONDS, or as much later as makes it a
 * five-hundredth of the time; meanwhile the other threads wait. */
static void print_share(int row, double step, int64_t threads, double line, double event,
                        double page) {
    double wall = step / (double)threads, every = fmax(PAGE_SECONDS, 500 * page);
    printf("%-32s step %8.2f ms of %lld threads: lines %.3f%%, events %.3f%%, pages %.3f%%,"
           " together %.3f%% of the time\n",
           runs[row].name, 1e3 * wall, (long long)threads, 100 * line / wall, 100 * event / wall,
           100 * page / every, 100 * ((line + event) / wall + page / every));
    fflush(stdout);
}

static lm_status run(const char *dir, lm_error *err) {
    rows r = {.step = 0};
    double line, event, page, step, seconds;
    int64_t threads;
    const lm_metrics_mark mark = {0};
    char *path = lm_file_join(dir, "metrics.jsonl");
    lm_status status = path ? LM_OK : lm_error_no_memory(err, dir);
    if (status == LM_OK) status = lm_metrics_open(&r.metrics, path, &mark, &seconds, err);
    if (status == LM_OK) status = lm_events_open(&r.events, dir, 0, err);
    if (status == LM_OK) status = measure_rows(&r, &line, &event, err);
    if (status != LM_OK) goto out;
    printf("a line of metrics.jsonl %.2f us, events of a step %.2f us\n", 1e6 * line, 1e6 * event);
    for (int length = 0; length < 2 && status == LM_OK; length++) {
        if (length == 1) status = add_rows(&r, 100000 - r.step, true, false, err);
        if (status == LM_OK) status = measure_page(&r, dir, 500, &page, err);
        if (status != LM_OK) break;
        printf("a page at step %lld, 500 steps after the one before: %.2f ms\n", (long long)r.step,
               1e3 * page);
        for (int row = 0; row < RUNS && status == LM_OK; row++) {
            status = measure_step(row, &step, &threads, err);
            if (status == LM_OK) print_share(row, step, threads, line, event, page);
        }
    }
out:
    lm_metrics_close(&r.metrics);
    lm_events_close(&r.events);
    free(path);
    return status;
}

int main(void) {
    lm_error err = {0};
    void *state = NULL;
    tempdir_open(&state);
    lm_status status = run(tempdir, &err);
    tempdir_close(&state);
    if (status != LM_OK) fprintf(stderr, "report: %s\n", err.message);
    return status != LM_OK;
}
