#include "bench/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

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
        if (attempts[i].peak >= (1 - LM_BENCH_QUIET) * peak && !attempts[i].marks) in_quiet++;
    }
    if (in_quiet >= LM_BENCH_QUIET_FALLS) return LM_BENCH_FELL;
    return n < LM_BENCH_MOST_ATTEMPTS ? LM_BENCH_AGAIN : LM_BENCH_NOISE;
}

/* ---- the record -------------------------------------------------------------------------------*/

const char *lm_bench_figure_name(lm_bench_section section) {
    return section == LM_BENCH_KERNELS ? "times_scalar" : "best_share";
}

/* The rows of a section that have the figure; peaks and skipped rows have none. */
static lm_status read_section(lm_bench_comparison *c, lm_json_reader *r, lm_bench_section section) {
    const char *figure = lm_bench_figure_name(section);
    int64_t n = lm_json_enter(r, lm_bench_section_name((int)section));
    lm_bench_record *more = realloc(c->records, (size_t)(c->count + n + 1) * sizeof *more);
    if (!more) return lm_error_no_memory(r->err, c->path);
    c->records = more;
    while (lm_json_next(r)) {
        lm_bench_record *row = &c->records[c->count];
        *row = (lm_bench_record){.section = section};
        lm_json_get_string(r, "name", row->name, sizeof row->name);
        if (section == LM_BENCH_MACHINE && strcmp(row->name, LM_BENCH_WORD_NAME) == 0)
            c->word = lm_json_get_number(r, "best_seconds");
        if (!lm_json_has(r, figure)) continue;
        row->figure = lm_json_get_number(r, figure);
        c->count++;
    }
    lm_json_leave(r);
    return r->status;
}

lm_status lm_bench_comparison_open(lm_bench_comparison *c, const char *path, lm_error *err) {
    lm_text text = {0};
    lm_json_reader r;
    lm_status status;
    *c = (lm_bench_comparison){.path = path};
    if ((status = lm_file_read(path, MOST_RECORDED_BYTES, &text, err)) != LM_OK) goto out;
    status = lm_json_open(&r, path, lm_text_cstr(&text), text.length, err);
    if (status != LM_OK) goto out;
    for (int i = 0; i < LM_BENCH_SECTIONS && status == LM_OK; i++)
        if (lm_json_has(&r, lm_bench_section_name(i)))
            status = read_section(c, &r, (lm_bench_section)i);
    if (status == LM_OK && lm_json_has(&r, LM_BENCH_WORD_KEY)) {
        c->word = lm_json_get_number(&r, LM_BENCH_WORD_KEY);
        status = r.status;
    }
    lm_json_close(&r);
    if (status == LM_OK && c->count == 0)
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: expected what lmtrain bench --json printed, found no row to"
                              " compare with",
                              path);
out:
    lm_text_free(&text);
    return status;
}

void lm_bench_comparison_free(lm_bench_comparison *c) {
    free(c->records);
    lm_text_free(&c->fallen);
    lm_text_free(&c->noise);
    *c = (lm_bench_comparison){0};
}

double lm_bench_comparison_find(lm_bench_comparison *c, lm_bench_section section,
                                const char *name) {
    for (int i = 0; i < c->count; i++) {
        lm_bench_record *row = &c->records[i];
        if (row->section != section || strcmp(row->name, name) != 0) continue;
        row->found = true;
        return row->figure;
    }
    return (double)NAN;
}

int lm_bench_comparison_left(const lm_bench_comparison *c, const lm_bench_record **first) {
    int left = 0;
    *first = NULL;
    for (int i = 0; i < c->count; i++)
        if (!c->records[i].found && left++ == 0) *first = &c->records[i];
    return left;
}

/* ---- the result -------------------------------------------------------------------------------*/

void lm_bench_comparison_add(lm_bench_comparison *c, const lm_bench_outcome *o) {
    c->compared++;
    if (o->verdict != LM_BENCH_FELL && o->verdict != LM_BENCH_NOISE) return;
    lm_text *t = o->verdict == LM_BENCH_FELL ? &c->fallen : &c->noise;
    lm_text_printf(t, "\n  %s %s: %s %.3g, recorded %.3g: %.0f%% lower, measured %d times%s",
                   lm_bench_section_name((int)o->section), o->name,
                   lm_bench_figure_name(o->section), o->figure, o->recorded,
                   100 * (1 - o->figure / o->recorded), o->measured, o->marks ? ": " : "");
    lm_bench_host_say(o->marks, t);
}

/* What else there is to say beside the rows that fell or held. */
static void put_rest(const lm_bench_comparison *c, lm_text *out) {
    const lm_bench_record *first;
    int left = lm_bench_comparison_left(c, &first);
    if (c->noise.length > 0)
        lm_text_printf(out,
                       "\nnoise: lower, but the host did not leave the machine alone meanwhile;"
                       " measure them again when it is quiet:%s",
                       lm_text_cstr(&c->noise));
    if (left > 0)
        lm_text_printf(out, "\nnot measured: %d row%s of %s, the first: %s %s", left,
                       left == 1 ? "" : "s", c->path, lm_bench_section_name((int)first->section),
                       first->name);
}

lm_status lm_bench_comparison_judge(const lm_bench_comparison *c, lm_text *out, lm_error *err) {
    lm_status status = LM_OK;
    lm_text rest = {0};
    if (c->compared == 0)
        return lm_error_set(err, LM_ERR_RUNTIME, "%s: has none of the rows that were measured",
                            c->path);
    put_rest(c, &rest);
    if (c->fallen.length > 0)
        status = lm_error_set(err, LM_ERR_RUNTIME, "slower than recorded in %s:%-s%-s", c->path,
                              lm_text_cstr(&c->fallen), lm_text_cstr(&rest));
    else
        lm_text_printf(out, "\n%d row%s, none more than %.0f%% below %s%s%s\n", c->compared,
                       c->compared == 1 ? "" : "s", 100 * LM_BENCH_TOLERANCE, c->path,
                       c->noise.length > 0 ? " in quiet" : "", lm_text_cstr(&rest));
    lm_text_free(&rest);
    return status;
}
