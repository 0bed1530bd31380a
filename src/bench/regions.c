/* The parallel regions of training steps, as they are cut for the threads that there are and for
 * 8, 32 and 128 cores, and what their tasks would take there. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/numbers.h"
#include "bench/recording.h"
#include "bench/report.h"
#include "bench/schedule.h"
#include "bench/sections.h"
#include "bench/training.h"

/* So many steps that whatever else the machine does has not hit any task in all of them. */
enum { MOST_KINDS = 128, LEAST_STEPS = 5 };

typedef struct run {
    lm_bench_training training;
    lm_bench_recording now, best;
    char name[LM_BENCH_NAME_SIZE];
    int cores;  /* the work is cut as for so many */
    int steps;  /* in best */
    double sum; /* seconds of the best step's regions */
    lm_bench_kind kinds[MOST_KINDS];
    int n_kinds;
    unsigned marks; /* of the host meanwhile (host.h) */
} run;

/* ---- measuring --------------------------------------------------------------------------------*/

static double step(run *r) {
    double start = lm_clock_seconds();
    lm_bench_recording_begin(&r->now);
    lm_bench_training_step(&r->training);
    double seconds = lm_clock_seconds() - start;
    lm_bench_recording_end(&r->now, seconds);
    return seconds;
}

/* The scratch that each of `cores` workers needs, and work cut for them. */
static lm_status pretend(run *r, lm_error *err) {
    lm_compute *c = &r->training.trainer.compute;
    size_t each = c->scratch_per_worker;
    if (r->cores == lm_pool_threads(c->pool)) return LM_OK;
    lm_compute_free(c);
    lm_pool_set_apparent_threads(c->pool, r->cores);
    return lm_compute_reserve(c, each, err);
}

/* What the host did since `before`. The peak is not looked at: its threads would be in the way. */
static unsigned marks_since(lm_bench *b, const lm_bench_host_look *before) {
    lm_bench_host_look now = lm_bench_host_look_now();
    lm_bench_host host = lm_bench_host_between(before, &now, b->threads);
    double word = lm_bench_measure_word(b);
    host.word = b->word > 0 ? word / b->word : 0;
    return lm_bench_host_marks(&host);
}

/* The best of several steps, after one that makes room. */
static lm_status record(lm_bench *b, run *r, double seconds, lm_error *err) {
    lm_status status = pretend(r, err);
    if (status != LM_OK) return status;
    lm_pool *pool = r->training.trainer.compute.pool;
    lm_pool_watch watch = lm_bench_recording_watch(&r->now);
    lm_pool_set_watch(pool, &watch);
    step(r);
    lm_bench_host_look before = lm_bench_host_look_now();
    r->steps = 0;
    for (double end = lm_clock_seconds() + seconds;
         !lm_bench_stopped() && (r->steps < LEAST_STEPS || lm_clock_seconds() < end); r->steps++) {
        step(r);
        if (r->steps > 0 && lm_bench_recording_fold(&r->best, &r->now)) continue;
        lm_bench_recording kept = r->best;
        r->best = r->now;
        r->now = kept;
    }
    lm_pool_set_watch(pool, NULL);
    r->marks = marks_since(b, &before);
    if (r->now.failed || r->best.failed) return lm_error_no_memory(err, "the recorded tasks");
    return r->training.status;
}

/* ---- reporting --------------------------------------------------------------------------------*/

/* "norm forward" of "src/nn/norm.c:forward_task". */
static void say_name(const char *name, char *out, size_t size) {
    const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name;
    const char *dot = strstr(file, ".c:"), *task = dot ? dot + 3 : "";
    int length = (int)strlen(task);
    if (lm_text_ends_with(task, "_task")) length -= 5;
    snprintf(out, size, "%.*s %.*s", dot ? (int)(dot - file) : (int)strlen(file), file, length,
             task);
}

static double waiting(double tasks, double seconds, int cores) {
    return seconds > 0 ? 1 - tasks / (seconds * cores) : 0;
}

static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : 0;
}

/* Columns: regions of the kind in a step, tasks in each; shares of all tasks' time; waiting as
 * measured, and on r->cores. */
static void put_kinds(const run *r, int threads, lm_text *t) {
    const lm_bench_recording *best = &r->best;
    double all = lm_bench_recording_work(best) - best->outside;
    lm_text_printf(t, "  %-42s %8s %8s %9s %9s %9s\n", "region", "regions", "tasks", "time",
                   "waiting", "there");
    for (int i = 0; i < r->n_kinds; i++) {
        const lm_bench_kind *k = &r->kinds[i];
        char task[96], name[128];
        say_name(k->like->name, task, sizeof task);
        snprintf(name, sizeof name, "%s: %s", lm_phase_name((int)k->like->phase), task);
        lm_text_printf(t, "  %-42s %8lld %8lld %8.2f%% %8.1f%% %8.1f%%\n", name,
                       (long long)k->regions, (long long)k->like->n_tasks,
                       100 * ratio(k->tasks, all), 100 * waiting(k->tasks, k->seconds, threads),
                       100 * waiting(k->tasks, k->predicted, r->cores));
    }
}

static void put_json(const run *r, int threads, lm_json_writer *w) {
    const lm_bench_recording *best = &r->best;
    double work = lm_bench_recording_work(best), all = work - best->outside;
    double predicted = lm_bench_recording_predict(best, r->cores);
    lm_json_object(w, NULL, LM_JSON_LINES);
    lm_json_string(w, "name", r->name);
    lm_json_integer(w, "cores", r->cores);
    lm_json_number(w, "core_seconds", work);
    lm_json_number(w, "predicted_seconds", predicted);
    lm_json_number(w, "speedup", work / predicted);
    lm_json_number(w, "serial", lm_bench_recording_serial(best) / work);
    lm_json_number(w, "in_32_tasks", lm_bench_recording_share_in(best, 32));
    lm_json_number(w, "in_64_tasks", lm_bench_recording_share_in(best, 64));
    if (r->marks) lm_bench_put_marks(w, r->marks);
    lm_json_array(w, "regions", LM_JSON_LINES);
    for (int i = 0; i < r->n_kinds; i++) {
        const lm_bench_kind *k = &r->kinds[i];
        char task[96];
        say_name(k->like->name, task, sizeof task);
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_string(w, "phase", lm_phase_name((int)k->like->phase));
        lm_json_string(w, "task", task);
        lm_json_integer(w, "regions", k->regions);
        lm_json_integer(w, "tasks", k->like->n_tasks);
        lm_json_number(w, "share", ratio(k->tasks, all));
        lm_json_number(w, "waiting", waiting(k->tasks, k->seconds, threads));
        lm_json_number(w, "predicted_waiting", waiting(k->tasks, k->predicted, r->cores));
        lm_json_end(w);
    }
    lm_json_end(w);
    lm_json_end(w);
}

static void put_lines(const run *r, int threads, lm_text *t) {
    const lm_bench_recording *best = &r->best;
    double work = lm_bench_recording_work(best), in_regions = 0;
    double predicted = lm_bench_recording_predict(best, r->cores);
    for (int64_t i = 0; i < best->n_regions; i++) in_regions += best->regions[i].seconds;
    lm_text_printf(
        t,
        "%s: %lld regions, %lld tasks; %.4g s of one core are %.4g s: %.1f times as"
        " fast, %.1f%% waiting\n"
        "  serial %.2f%%; in regions of 32 tasks or more %.2f%% of the tasks' time, of 64"
        " %.2f%%; measured on %d thread%s: %.4g s, %.1f%% waiting in regions\n",
        r->name, (long long)best->n_regions, (long long)best->n_tasks, work, predicted,
        work / predicted, 100 * waiting(work, predicted, r->cores),
        100 * lm_bench_recording_serial(best) / work, 100 * lm_bench_recording_share_in(best, 32),
        100 * lm_bench_recording_share_in(best, 64), threads, threads == 1 ? "" : "s",
        in_regions + best->outside, 100 * waiting(work - best->outside, in_regions, threads));
    if (r->marks) {
        lm_text_printf(t, "  marked: ");
        lm_bench_host_say(r->marks, t);
        lm_text_printf(t, "\n");
    }
    put_kinds(r, threads, t);
}

static lm_status report(lm_bench *b, run *r, lm_error *err) {
    lm_text t = {0};
    r->n_kinds = lm_bench_recording_kinds(&r->best, r->cores, r->kinds, MOST_KINDS);
    b->wanted++;
    if (r->marks) b->marked++;
    put_json(r, b->threads, &b->writer);
    put_lines(r, b->threads, &t);
    return lm_bench_print_table(b, &t, err);
}

/* ---- the section ------------------------------------------------------------------------------*/

/* Cuts for more and more cores, as many as there are threads at first; starts the run at the first
 * that is wanted. */
static lm_status run_cores(lm_bench *b, run *r, const lm_bench_basis *basis, lm_error *err) {
    const int cores[] = {b->threads, 8, 32, LM_BENCH_MOST_CORES};
    lm_status status = LM_OK;
    bool started = false;
    for (size_t i = 0; i < sizeof cores / sizeof *cores && status == LM_OK; i++) {
        r->cores = cores[i];
        if (r->cores > LM_BENCH_MOST_CORES || (i > 0 && r->cores <= b->threads)) continue;
        snprintf(r->name, sizeof r->name, "%s %s, %d cores", basis->name,
                 lm_precision_name(r->training.config.train.precision), r->cores);
        if (lm_bench_stopped() || !lm_bench_wants(b, r->name)) continue;
        if (!started && (status = lm_bench_training_start(&r->training, err)) != LM_OK) break;
        started = true;
        status = record(b, r, LM_BENCH_STEP_TIMES * b->o->seconds, err);
        if (status == LM_OK && r->steps > 0) status = report(b, r, err);
    }
    return status;
}

static lm_status run_basis(lm_bench *b, const lm_bench_basis *basis, lm_error *err) {
    run r = {0};
    lm_bench_training_begin(&r.training, b);
    r.now.clock = r.best.clock = &r.training.clock;
    lm_status status = lm_bench_basis_load(basis, b, &r.training, NULL, 0, err);
    if (status == LM_OK) status = lm_bench_training_plan(&r.training, err);
    if (status != LM_OK) goto out;
    status = lm_setup_check_memory(&r.training.trainer.setup, err);
    if (status == LM_OK)
        status = run_cores(b, &r, basis, err);
    else if (lm_bench_basis_is_optional(basis, b))
        status = lm_bench_skip(b, basis->name, err->message, err);
out:
    lm_bench_recording_free(&r.now);
    lm_bench_recording_free(&r.best);
    lm_bench_training_free(&r.training);
    return status;
}

lm_status lm_bench_regions(lm_bench *b, lm_error *err) {
    lm_status status =
        lm_bench_begin(b, LM_BENCH_REGIONS,
                       "the parallel regions of a step, their tasks cut and measured for so many"
                       " cores, and list scheduling of the tasks there",
                       err);
    if (status == LM_OK) status = lm_bench_each_basis(b, false, run_basis, err);
    lm_bench_end(b);
    return status;
}
