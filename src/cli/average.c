/* The mean of several checkpoints' weights. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/message.h"
#include "base/numbers.h"
#include "cli/checkpoint_output.h"
#include "cli/commands.h"
#include "machine/stop.h"
#include "saved/mean.h"

typedef struct request {
    lm_option_texts from;
    const char *output, *weights;
    int64_t last;
    bool raw, force;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    {"output", "RUN_OR_FILE",
     "a run directory, or, with a name that ends in .npz, a checkpoint of its own",
     LM_STORED(request, output), .required = true},
    {"last", "N", "of each run or directory the newest N checkpoints, oldest first",
     LM_STORED(request, last), .count = {.by_default = 1, .least = 1, .most = LM_MEAN_MOST}},
    {"weights", "W,W,...",
     "a number for each checkpoint, in their order; they are divided by their sum (default: all"
     " equal)",
     LM_STORED(request, weights)},
    {"raw", NULL, "the weights themselves also of runs that keep an average (train.ema)",
     LM_STORED(request, raw)},
    {"force", NULL, "overwrite the checkpoint that is there", LM_STORED(request, force)},
    LM_OPTION_THREADS(request, machine),
    {0},
};

/* Everything that is averaged. */
typedef struct averaging {
    const request *r;
    lm_saved from[LM_MEAN_MOST];
    double shares[LM_MEAN_MOST];
    int64_t n;
    lm_pool *pool;
} averaging;

static lm_status add(averaging *a, const char *path, lm_error *err) {
    lm_text skipped = {0};
    if (a->n == LM_MEAN_MOST)
        return lm_error_set(err, LM_ERR_USAGE,
                            "average: expected at most %d checkpoints, found more", LM_MEAN_MOST);
    lm_saved *s = &a->from[a->n];
    lm_status status = lm_saved_open(s, path, a->pool, &skipped, err);
    if (status == LM_OK) {
        a->n++;
        lm_warn_passed_over(&skipped);
        if (a->r->raw) s->weights = LM_WEIGHTS_RAW;
    }
    lm_text_free(&skipped);
    return status;
}

static int by_step(const void *x, const void *y) {
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

/* The newest of a directory of checkpoints, oldest first. None of them is passed over: one that is
 * damaged is an error. */
static lm_status add_last(averaging *a, const char *directory, lm_error *err) {
    lm_file_list list = {0};
    int64_t n = 0, *steps = NULL;
    lm_status status = lm_file_list_directory(&list, directory, err);
    if (status != LM_OK) return status;
    steps = calloc(list.count + 1, sizeof *steps);
    if (!steps) status = lm_error_no_memory(err, directory);
    for (size_t i = 0; steps && i < list.count; i++)
        if (lm_checkpoint_step(list.names[i]) >= 0) steps[n++] = lm_checkpoint_step(list.names[i]);
    if (steps) qsort(steps, (size_t)n, sizeof *steps, by_step);
    if (status == LM_OK && n < a->r->last)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "--last %" PRId64 ": %s holds %" PRId64 " checkpoint%s (a run keeps"
                              " checkpoint.keep_last, checkpoint.keep_every)",
                              a->r->last, directory, n, n == 1 ? "" : "s");
    for (int64_t i = n - a->r->last; i < n && status == LM_OK; i++) {
        char *path = lm_checkpoint_path(directory, steps[i]);
        status = path ? add(a, path, err) : lm_error_no_memory(err, directory);
        free(path);
    }
    free(steps);
    lm_file_list_free(&list);
    return status;
}

static lm_status add_argument(averaging *a, const char *path, lm_error *err) {
    char *inside = lm_file_join(path, "checkpoints");
    lm_status status = inside ? LM_OK : lm_error_no_memory(err, path);
    if (status == LM_OK && a->r->last > 1 && lm_file_is_directory(path))
        status = add_last(a, lm_file_is_directory(inside) ? inside : path, err);
    else if (status == LM_OK)
        status = add(a, path, err);
    free(inside);
    return status;
}

/* --weights as shares; without it all are equal. */
static lm_status take_shares(averaging *a, lm_error *err) {
    const char *at = a->r->weights;
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < a->n; i++) a->shares[i] = 1 / (double)a->n;
    if (!at) return LM_OK;
    for (bool more = true; more; n++) {
        char *end;
        double x = strtod(at, &end);
        more = *end == ',';
        if (end == at || (*end && !more) || !isfinite(x))
            return lm_error_set(err, LM_ERR_USAGE,
                                "--weights: expected numbers with commas between them, such as"
                                " 1,1,2, found %s",
                                a->r->weights);
        if (n < a->n) a->shares[n] = x;
        sum += x;
        at = end + 1;
    }
    if (n != a->n)
        return lm_error_set(err, LM_ERR_USAGE,
                            "--weights: expected a number for each of %" PRId64
                            " checkpoints, found %" PRId64,
                            a->n, n);
    if (!(sum > 0) || !isfinite(sum))
        return lm_error_set(err, LM_ERR_USAGE, "--weights: expected a sum above 0, found %g", sum);
    for (int64_t i = 0; i < a->n; i++) a->shares[i] /= sum;
    return LM_OK;
}

static void describe(const averaging *a, const char *path, uint64_t bytes, lm_text *out) {
    char size[32];
    for (int64_t i = 0; i < a->n; i++) {
        const lm_saved *s = &a->from[i];
        const char *kind = lm_saved_weights_kind(s);
        lm_text_say(out, "%8.4f x  %s (step %" PRId64 "%s%s)\n", a->shares[i], s->path,
                    s->state.step, kind ? ", weights: " : "", kind ? kind : "");
    }
    lm_text_say(out, "written    %s: %s\n", path, lm_text_bytes(size, sizeof size, (double)bytes));
}

static lm_status average(averaging *a, lm_error *err) {
    const request *r = a->r;
    lm_mean mean = {.from = a->from, .shares = a->shares};
    lm_text said = {0}, out = {0};
    char *path = NULL;
    uint64_t bytes = 0;
    lm_status status = LM_OK;
    for (int i = 0; i < r->from.count && status == LM_OK; i++)
        status = add_argument(a, r->from.items[i], err);
    mean.n = a->n;
    if (status != LM_OK || (status = take_shares(a, err)) != LM_OK) goto out;
    if ((status = lm_mean_check(&mean, &said, err)) != LM_OK) goto out;
    status = lm_checkpoint_output(r->output, a->from[mean.last].state.step, r->force, &path, err);
    if (status != LM_OK) goto out;
    if (said.length > 0)
        lm_message_write(stderr,
                         "lmtrain: note: the models differ in keys, of which those of %s"
                         " are taken:\n%-s",
                         a->from[mean.last].path, lm_text_cstr(&said));
    lm_stop_arm(0, "stopping when the checkpoint is written");
    status = lm_mean_write(&mean, path, a->pool, &bytes, err);
    lm_stop_restore();
    if (status != LM_OK) goto out;
    describe(a, path, bytes, &out);
    status = lm_print(&out, err);
out:
    lm_text_free(&said);
    lm_text_free(&out);
    free(path);
    return status;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_session session = {0};
    averaging *a = calloc(1, sizeof *a);
    lm_status status = a ? LM_OK : lm_error_no_memory(err, NULL);
    if (status == LM_OK) status = lm_machine_session(&r->machine, &session, err);
    if (status == LM_OK) {
        a->r = r;
        a->pool = session.compute.pool;
        status = average(a, err);
    }
    for (int64_t i = 0; a && i < a->n; i++) lm_saved_close(&a->from[i]);
    free(a);
    lm_session_close(&session);
    return status;
}

const lm_command lm_command_average = {
    .name = "average",
    .summary = "the mean of several checkpoints' weights: the last of a run, or a soup of runs",
    .usage = "RUN_OR_FILE... --output RUN_OR_FILE [OPTIONS]",
    .example = "  lmtrain average runs/book --last 5 --output runs/book-mean\n"
               "  lmtrain average runs/a runs/b --weights 1,2 --output soup.npz\n",
    .options = options,
    .arguments = {"RUN_OR_FILE", offsetof(request, from), 1, LM_OPTION_MOST_TEXTS},
    .size = sizeof(request),
    .run = run,
};
