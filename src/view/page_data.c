/* What the script of a page reads: the series of the charts, and where steps stand on other
 * axes. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/numbers.h"
#include "view/escape.h"
#include "view/page_parts.h"

/* All charts of a page together have about so many buckets, each of up to 50 bytes. */
enum { MOST_BUCKETS = 24000, FEWEST = 48, MOST_ANCHORS = 400, MOST_LAYER_BUCKETS = 16000 };

/* JSON has no infinity, which a mean of huge numbers may be. */
static double bounded(double x) {
    return isfinite(x) ? x : copysign(1e308, x);
}

static void put_series(const lm_series *s, int64_t most, lm_text *out) {
    int64_t parts = lm_min(s->count, most);
    bool joined = false;
    for (int64_t i = 0; i < parts; i++) joined |= lm_series_part(s, i, parts).n > 1;
    lm_text_printf(out, "{\"s\":[");
    for (int64_t i = 0; i < parts; i++) {
        lm_bucket b = lm_series_part(s, i, parts);
        lm_text_printf(out, "%s%" PRId64, i ? "," : "", lm_min(b.min_at, b.max_at));
        if (joined) lm_text_printf(out, ",%" PRId64, lm_max(b.min_at, b.max_at));
    }
    lm_text_printf(out, "],\"v\":[");
    for (int64_t i = 0; i < parts; i++) {
        lm_bucket b = lm_series_part(s, i, parts);
        bool falls = b.max_at < b.min_at;
        lm_text_printf(out, "%s%.6g", i ? "," : "", falls ? b.max : b.min);
        if (joined) lm_text_printf(out, ",%.6g", falls ? b.min : b.max);
    }
    lm_text_printf(out, "]");
    if (joined) {
        lm_text_printf(out, ",\"a\":[");
        for (int64_t i = 0; i < parts; i++) {
            lm_bucket b = lm_series_part(s, i, parts);
            lm_text_printf(out, "%s%" PRId64, i ? "," : "", b.first + (b.last - b.first) / 2);
        }
        lm_text_printf(out, "],\"m\":[");
        for (int64_t i = 0; i < parts; i++) {
            lm_bucket b = lm_series_part(s, i, parts);
            lm_text_printf(out, "%s%.6g", i ? "," : "", bounded(b.sum / (double)b.n));
        }
        lm_text_printf(out, "]");
    }
    lm_text_printf(out, "}");
}

static void put_anchors(const lm_view_run *r, lm_text *out) {
    int64_t n = lm_min(r->n_anchors, MOST_ANCHORS);
    for (int column = 0; column < 3; column++) {
        lm_text_printf(out, column == 0   ? "{\"step\":["
                            : column == 1 ? "],\"tokens\":["
                                          : "],\"seconds\":[");
        for (int64_t i = 0; i <= n; i++) {
            lm_view_anchor a = {r->step, r->tokens, r->seconds};
            if (i < n) a = r->anchors[i * r->n_anchors / n];
            lm_text_printf(out, "%s%.9g", i ? "," : "",
                           column == 0   ? (double)a.step
                           : column == 1 ? a.tokens
                                         : a.seconds);
        }
    }
    lm_text_printf(out, "]}");
}

/* The series of run `run` that charts show, each once. */
static void put_charted(const lm_charts *charts, int64_t run, int64_t most, lm_text *out) {
    int64_t n = 0;
    for (int64_t i = 0; i < charts->count; i++) {
        for (int64_t k = 0; k < charts->items[i].count; k++) {
            const lm_chart_line *l = &charts->items[i].lines[k];
            if (l->run != run) continue;
            if (n++ > 0) lm_text_printf(out, ",");
            lm_html_json(out, l->name);
            lm_text_printf(out, ":");
            put_series(l->series, most, out);
        }
    }
}

/* [[step, step that the run went back to or -1, why], ...] */
static void put_events(const lm_view_run *r, lm_text *out) {
    lm_text_printf(out, "[");
    for (int64_t i = 0; i < r->n_events; i++) {
        const lm_view_event *e = &r->events[i];
        lm_text_printf(out, "%s[%" PRId64 ",%" PRId64 ",", i ? "," : "", e->step, e->back);
        lm_html_json(out, e->why);
        lm_text_printf(out, "]");
    }
    lm_text_printf(out, "]");
}

/* {"update_ratio": {"h.0.attn.qkv.weight": {"s": [...], "v": [...]}, ...}, ...} */
static void put_layers(const lm_view_run *r, lm_text *out) {
    static const char *const names[] = {"update_ratio", "weight_norm", "grad_norm", "update_norm"};
    static const char prefix[] = "layers.";
    int64_t series = 1;
    for (int64_t i = 0; i < r->n_series; i++) series += strncmp(r->series[i].name, prefix, 7) == 0;
    for (int k = 0; k < 4; k++) {
        int64_t n = 0;
        lm_text_printf(out, "%s\"%s\":{", k ? "," : "", names[k]);
        for (int64_t i = 0; i < r->n_series; i++) {
            lm_text end = {0}, name = {0};
            lm_text_printf(&end, ".%s", names[k]);
            const char *all = r->series[i].name;
            const lm_series *s = &r->series[i].series;
            if (strncmp(all, prefix, 7) == 0 && lm_text_ends_with(all, lm_text_cstr(&end)) &&
                s->count > 0) {
                if (n++ > 0) lm_text_printf(out, ",");
                lm_text_append(&name, all + 7, strlen(all) - 7 - end.length);
                lm_html_json(out, lm_text_cstr(&name));
                int64_t parts = lm_min(s->count, lm_max(16, MOST_LAYER_BUCKETS / series));
                lm_text_printf(out, ":{\"s\":[");
                for (int64_t j = 0; j < parts; j++)
                    lm_text_printf(out, "%s%" PRId64, j ? "," : "",
                                   lm_series_part(s, j, parts).last);
                lm_text_printf(out, "],\"v\":[");
                for (int64_t j = 0; j < parts; j++)
                    lm_text_printf(out, "%s%.4g", j ? "," : "", lm_series_part(s, j, parts).max);
                lm_text_printf(out, "]}");
            }
            lm_text_free(&end);
            lm_text_free(&name);
        }
        lm_text_printf(out, "}");
    }
}

static double flops_of(const lm_view_run *r) {
    double flops = lm_view_number(&r->summary, "plan.flops_per_token");
    return isfinite(flops) ? flops : 0;
}

static void put_chart(const lm_page *p, const lm_chart *c, lm_text *out) {
    lm_text_printf(out, "{\"id\":\"%s\",\"title\":\"%s\",\"zero\":%s,\"smooth\":%s,", c->id,
                   c->title, c->zero ? "true" : "false", c->smooth ? "true" : "false");
    if (c->percent) {
        lm_text_printf(out, "\"percent\":[");
        for (int64_t i = 0; i < p->n_runs; i++) {
            double peak = lm_view_number(&p->runs[i].summary, "plan.peak_flops");
            lm_text_printf(out, "%s%.6g", i ? "," : "",
                           peak > 0 ? bounded(100 * flops_of(&p->runs[i]) / peak) : 0);
        }
        lm_text_printf(out, "],");
    }
    lm_text_printf(out, "\"lines\":[");
    for (int64_t i = 0; i < c->count; i++) {
        const lm_chart_line *l = &c->lines[i];
        lm_text_printf(out, "%s{\"r\":%" PRId64 ",\"s\":", i ? "," : "", l->run);
        lm_html_json(out, l->name);
        lm_text_printf(out, ",\"l\":");
        lm_html_json(out, l->label);
        lm_text_printf(out, ",\"c\":%d,\"d\":%d,\"marks\":%s}", l->colour, l->dash,
                       l->marks ? "true" : "false");
    }
    lm_text_printf(out, "]}");
}

/* Any value, its strings as they may be shown. */
static void put_value(const lm_view_sweep *s, const lm_json_node *v, lm_text *out) {
    bool array = v->kind == LM_JSON_ARRAY;
    if (v->kind == LM_JSON_STRING) {
        lm_html_json(out, v->string);
    } else if (array || v->kind == LM_JSON_OBJECT) {
        lm_text_printf(out, array ? "[" : "{");
        for (const lm_json_node *m = v->child; m; m = m->next) {
            if (m != v->child) lm_text_printf(out, ",");
            if (!array) {
                lm_html_json(out, m->key);
                lm_text_printf(out, ":");
            }
            put_value(s, m, out);
        }
        lm_text_printf(out, array ? "]" : "}");
    } else {
        lm_text_append(out, lm_text_cstr(&s->text) + v->at, v->end - v->at);
    }
}

static void put_sweep(const lm_view_sweep *s, lm_text *out) {
    static const char *const members[] = {"trial", "state", "loss", "step", "base", "values"};
    lm_text_printf(out, "{\"rows\":[");
    for (int64_t i = 0; i < lm_min(s->count, LM_PAGE_MOST_TRIALS); i++) {
        bool any = false;
        lm_text_printf(out, "%s{", i ? "," : "");
        for (int k = 0; k < 6; k++) {
            const lm_json_node *m = lm_json_node_member(s->rows[i], members[k]);
            if (!m) continue;
            lm_text_printf(out, "%s\"%s\":", any ? "," : "", members[k]);
            put_value(s, m, out);
            any = true;
        }
        lm_text_printf(out, "}");
    }
    lm_text_printf(out, "]}");
}

void lm_page_data(const lm_page *p, const lm_charts *charts, int64_t layers, lm_text *out) {
    int64_t lines = 1;
    for (int64_t i = 0; i < charts->count; i++) lines += charts->items[i].count;
    int64_t most = lm_max(FEWEST, MOST_BUCKETS / lines);
    lm_text_printf(out, "{\"runs\":[");
    for (int64_t i = 0; i < p->n_runs; i++) {
        lm_text_printf(out, "%s{\"flops\":%.6g,\"anchors\":", i ? "," : "", flops_of(&p->runs[i]));
        put_anchors(&p->runs[i], out);
        lm_text_printf(out, ",\"events\":");
        put_events(&p->runs[i], out);
        lm_text_printf(out, ",\"series\":{");
        put_charted(charts, i, most, out);
        lm_text_printf(out, "}");
        if (i == layers) {
            lm_text_printf(out, ",\"layers\":{");
            put_layers(&p->runs[i], out);
            lm_text_printf(out, "}");
        }
        lm_text_printf(out, "}");
    }
    lm_text_printf(out, "],\"charts\":[");
    for (int64_t i = 0; i < charts->count; i++) {
        if (i > 0) lm_text_printf(out, ",");
        put_chart(p, &charts->items[i], out);
    }
    lm_text_printf(out, "],\"running\":%s,\"sweep\":", lm_page_goes_on(p) ? "true" : "false");
    if (p->sweep)
        put_sweep(p->sweep, out);
    else
        lm_text_printf(out, "null");
    lm_text_printf(out, "}");
}
