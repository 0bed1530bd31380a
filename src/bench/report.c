#include "bench/report.h"

#include <math.h>

static double best_share(const lm_bench_row *row) {
    return row->work / row->times.best / row->peak;
}
static double share(const lm_bench_row *row) {
    return row->share > 0 ? row->share : row->work / row->times.median / row->peak;
}
static double times_scalar(const lm_bench_row *row) {
    return row->scalar_seconds / row->times.best;
}

/* ---- for scripts ------------------------------------------------------------------------------*/

void lm_bench_put_marks(lm_json_writer *w, unsigned marks) {
    lm_text said = {0};
    lm_bench_host_say(marks, &said);
    lm_json_string(w, "marks", lm_text_cstr(&said));
    lm_text_free(&said);
}

static void put_json(lm_json_writer *w, const lm_bench_row *row) {
    const lm_bench_times *t = &row->times;
    const char *rate = row->moves ? "bytes_per_s" : "flops_per_s";
    const char *best_rate = row->moves ? "best_bytes_per_s" : "best_flops_per_s";
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_string(w, "name", row->name);
    lm_json_integer(w, "repetitions", t->count);
    if (row->peak > 0 || row->work == 0) { /* the time that a peak was measured for says nothing */
        lm_json_number(w, "seconds", t->median);
        lm_json_number(w, "best_seconds", t->best);
    }
    lm_json_number(w, "spread", t->spread);
    if (row->work > 0) {
        lm_json_number(w, rate, row->work / t->median);
        lm_json_number(w, best_rate, row->work / t->best);
    }
    if (row->peak > 0) {
        lm_json_number(w, "share", share(row));
        lm_json_number(w, "best_share", best_share(row));
    }
    if (row->scalar_seconds > 0) lm_json_number(w, "times_scalar", times_scalar(row));
    if (row->of_plain > 0) lm_json_number(w, "of_plain", row->of_plain);
    if (row->measured > 0 && !isnan(row->recorded)) {
        lm_json_number(w, "recorded", row->recorded);
        lm_json_integer(w, "measured", row->measured);
        lm_json_string(w, "verdict", lm_bench_verdict_name(row->verdict));
    }
    if (row->marks) lm_bench_put_marks(w, row->marks);
    lm_json_members(w, &row->json);
    lm_json_end(w);
}

/* ---- for people -------------------------------------------------------------------------------*/

static void put_time(lm_text *t, double seconds) {
    if (seconds < 1e-3)
        lm_text_printf(t, " %9.2f us", seconds * 1e6);
    else if (seconds < 1)
        lm_text_printf(t, " %9.2f ms", seconds * 1e3);
    else
        lm_text_printf(t, " %9.3f s ", seconds);
}

static void put_line(lm_text *t, const lm_bench_row *row) {
    lm_text_printf(t, "%-38s", row->name);
    if (row->peak > 0 || row->work == 0)
        put_time(t, row->times.median);
    else
        lm_text_printf(t, "%13s", "");
    lm_text_printf(t, "  ±%4.1f%%", 100 * row->times.spread);
    if (row->work > 0)
        lm_text_printf(t, " %9.1f %-7s", row->work / row->times.median * 1e-9,
                       row->moves ? "GB/s" : "GFLOP/s");
    if (row->peak > 0)
        lm_text_printf(t, " %7.1f%% %7.1f%%", 100 * share(row), 100 * best_share(row));
    if (row->scalar_seconds > 0) lm_text_printf(t, " %7.1fx", times_scalar(row));
    if (row->of_plain > 0) lm_text_printf(t, " %8.1f%%", 100 * row->of_plain);
    lm_text_printf(t, "\n");
    if (row->marks) {
        lm_text_printf(t, "  marked: ");
        lm_bench_host_say(row->marks, t);
        lm_text_printf(t, "\n");
    }
    if (row->measured > 1)
        lm_text_printf(t, "  measured %d times: %s\n", row->measured,
                       lm_bench_verdict_name(row->verdict));
    lm_text_append(t, lm_text_cstr(&row->table), row->table.length);
}

lm_status lm_bench_print_table(const lm_bench *b, lm_text *t, lm_error *err) {
    lm_status status = t->length > 0 && !b->o->json ? b->o->print(t, err) : LM_OK;
    lm_text_free(t);
    return status;
}

lm_status lm_bench_report(lm_bench *b, lm_bench_row *row, lm_error *err) {
    lm_status status = LM_OK;
    lm_text t = {0};
    if (row->times.count > 0 && lm_bench_wants(b, row->name)) b->wanted++;
    if (row->times.count > 0 && row->marks) b->marked++;
    if (row->times.count > 0) {
        put_json(&b->writer, row);
        put_line(&t, row);
        status = lm_bench_print_table(b, &t, err);
    }
    lm_text_free(&row->json);
    lm_text_free(&row->table);
    return status;
}

lm_status lm_bench_skip(lm_bench *b, const char *name, const char *why, lm_error *err) {
    lm_text t = {0};
    if (lm_bench_wants(b, name)) b->wanted++;
    lm_json_object(&b->writer, NULL, LM_JSON_LINE);
    lm_json_string(&b->writer, "name", name);
    lm_json_string(&b->writer, "skipped", why);
    lm_json_end(&b->writer);
    lm_text_printf(&t, "%s: skipped: %s\n", name, why);
    return lm_bench_print_table(b, &t, err);
}

lm_status lm_bench_begin(lm_bench *b, lm_bench_section section, const char *about, lm_error *err) {
    const char *name = lm_bench_section_name((int)section);
    lm_text t = {0};
    lm_json_array(&b->writer, name, LM_JSON_LINES);
    lm_text_printf(&t, "\n%s: %s\n", name, about);
    if (section != LM_BENCH_REGIONS) /* which has tables of its own */
        lm_text_printf(&t, "%-38s %9s %12s %15s", "", "median", "spread", "rate");
    if (section != LM_BENCH_MACHINE && section != LM_BENCH_REGIONS)
        lm_text_printf(&t, " %10s %8s", "share", "best");
    if (section == LM_BENCH_KERNELS) lm_text_printf(&t, " %8s", "x scalar");
    if (section == LM_BENCH_OPTIONS) lm_text_printf(&t, " %9s", "of plain");
    lm_text_printf(&t, "\n");
    return lm_bench_print_table(b, &t, err);
}

void lm_bench_end(lm_bench *b) {
    lm_json_end(&b->writer);
}
