#include "bench/compare.h"

#include <math.h>
#include <string.h>

#include "base/file.h"

enum { MOST_RECORDED_BYTES = 1 << 22 };

/* ---- the verdict ------------------------------------------------------------------------------*/

const char *lm_bench_verdict_name(lm_bench_verdict verdict) {
    static const char *const names[] = {[LM_BENCH_AGAIN] = "interrupted",
                                        [LM_BENCH_HELD] = "held",
                                        [LM_BENCH_FELL] = "fell",
                                        [LM_BENCH_NOISE] = "noise"};
    return names[verdict];
}

bool lm_bench_fell(double figure, double recorded) {
    return figure < (1 - LM_BENCH_TOLERANCE) * recorded; /* NAN: false */
}

lm_bench_verdict lm_bench_verdict_of(double recorded, double peak, const lm_bench_attempt *attempts,
                                     int n) {
    int in_quiet = 0;
    for (int i = 0; i < n; i++) {
        if (!lm_bench_fell(attempts[i].figure, recorded)) return LM_BENCH_HELD;
        if (attempts[i].peak >= (1 - LM_BENCH_QUIET) * peak) in_quiet++;
    }
    if (in_quiet >= LM_BENCH_QUIET_FALLS) return LM_BENCH_FELL;
    return n < LM_BENCH_MOST_ATTEMPTS ? LM_BENCH_AGAIN : LM_BENCH_NOISE;
}

/* ---- rows -------------------------------------------------------------------------------------*/

/* What of a row is compared, under its name in JSON: a figure that another clock speed leaves alone. */
static const char *figure_name(const lm_bench_row *row) {
    return row->section == LM_BENCH_KERNELS ? "times_scalar" : "best_share";
}
static double figure_of(const lm_bench_row *row, double best_seconds) {
    return row->section == LM_BENCH_KERNELS ? row->scalar_seconds / best_seconds
                                            : row->work / best_seconds / row->peak;
}

/* NAN: there is none. */
static double recorded_figure(const lm_bench *b, const lm_bench_row *row) {
    const char *section_name = lm_bench_section_name((int)row->section);
    const cJSON *item, *section = cJSON_GetObjectItemCaseSensitive(b->recorded, section_name);
    cJSON_ArrayForEach(item, section) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");
        if (!cJSON_IsString(name) || strcmp(name->valuestring, row->name) != 0) continue;
        const cJSON *figure = cJSON_GetObjectItemCaseSensitive(item, figure_name(row));
        return cJSON_IsNumber(figure) ? figure->valuedouble : (double)NAN;
    }
    return (double)NAN;
}

/* One more attempt, the best of which row->times is. */
static void attempt(lm_bench *b, const lm_bench_subject *s, lm_bench_row *row,
                    lm_bench_attempt *attempts) {
    lm_bench_times times;
    lm_bench_measure(b, s, &times);
    if (times.count == 0) return;
    if (row->measured == 0 || times.best < row->times.best) row->times = times;
    row->peak = lm_bench_peak_of(b, s->peak);
    lm_bench_attempt *a = &attempts[row->measured++];
    a->figure = figure_of(row, times.best);
    a->peak = times.peak;
    if (a->peak == 0 && lm_bench_fell(a->figure, row->recorded)) {
        a->peak = lm_bench_peak_now(b, s->peak);
        row->peak = lm_bench_peak_of(b, s->peak);
    }
    row->verdict = lm_bench_verdict_of(row->recorded, row->peak, attempts, row->measured);
}

static void count(lm_bench *b, const lm_bench_row *row) {
    if (row->measured == 0 || isnan(row->recorded)) return;
    double now = figure_of(row, row->times.best);
    lm_text *list = row->verdict == LM_BENCH_FELL ? &b->fallen : &b->noise;
    b->compared++;
    if (row->verdict == LM_BENCH_FELL || row->verdict == LM_BENCH_NOISE)
        lm_text_printf(list, "\n  %s %s: %s %.3g, recorded %.3g: %.0f%% lower, measured %d times",
                       lm_bench_section_name((int)row->section), row->name, figure_name(row), now,
                       row->recorded, 100 * (1 - now / row->recorded), row->measured);
}

void lm_bench_measure_row(lm_bench *b, const lm_bench_subject *s, lm_bench_row *row) {
    lm_bench_attempt attempts[LM_BENCH_MOST_ATTEMPTS];
    row->recorded = recorded_figure(b, row);
    do attempt(b, s, row, attempts);
    while (row->verdict == LM_BENCH_AGAIN && !lm_bench_stopped());
    count(b, row);
}

/* ---- the run ----------------------------------------------------------------------------------*/

lm_status lm_bench_read_recorded(lm_bench *b, lm_error *err) {
    const char *path = b->o->compare;
    lm_text text = {0};
    lm_status status = lm_file_read(path, MOST_RECORDED_BYTES, &text, err);
    if (status != LM_OK) goto out;
    b->recorded = cJSON_ParseWithLength(lm_text_cstr(&text), text.length);
    if (!cJSON_IsObject(b->recorded))
        status = lm_error_set(
            err, LM_ERR_RUNTIME,
            "%s: expected what lmtrain bench --json printed, found something else", path);
out:
    lm_text_free(&text);
    return status;
}

lm_status lm_bench_judge(lm_bench *b, lm_error *err) {
    lm_status status = LM_OK;
    lm_text noise = {0}, t = {0};
    if (!b->recorded) return LM_OK;
    if (b->compared == 0)
        return lm_error_set(err, LM_ERR_RUNTIME, "%s: has none of the rows that were measured",
                            b->o->compare);
    if (b->noise.length > 0)
        lm_text_printf(
            &noise,
            "\nnoise: lower, but so was the peak beside them, by more than %.0f%%; measure"
            " them again when the machine is quiet:%s",
            100 * LM_BENCH_QUIET, lm_text_cstr(&b->noise));
    if (b->fallen.length > 0) {
        status = lm_error_set(err, LM_ERR_RUNTIME, "slower than recorded in %s:%s%s", b->o->compare,
                              lm_text_cstr(&b->fallen), lm_text_cstr(&noise));
    } else if (!b->o->json) {
        lm_text_printf(&t, "\n%d rows, none more than %.0f%% below %s%s%s\n", b->compared,
                       100 * LM_BENCH_TOLERANCE, b->o->compare, noise.length > 0 ? " in quiet" : "",
                       lm_text_cstr(&noise));
        status = b->o->print(&t, err);
    }
    lm_text_free(&noise);
    lm_text_free(&t);
    return status;
}
