/* The charts of a page, with a table behind each; bars of time and memory; a map of layers. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "report/line.h"
#include "view/escape.h"
#include "view/page_parts.h"

enum { TABLE_ROWS = 40, LEGEND_MOST = 40, MOST_COLUMNS = 16 };

void lm_page_controls(lm_text *out) {
    lm_text_printf(
        out,
        "<div class=\"controls\" role=\"group\" aria-label=\"How the charts are drawn\">"
        "<div class=\"group\">against <span class=\"segments\" id=\"axis\">"
        "<button value=\"steps\">steps</button><button value=\"tokens\">tokens</button>"
        "<button value=\"time\">time</button><button value=\"flops\">FLOP</button></span></div>"
        "<div class=\"group\">scale <span class=\"segments\" id=\"scale\">"
        "<button value=\"linear\">linear</button><button value=\"log\">log</button></span></div>"
        "<label>smoothing <input type=\"range\" id=\"smooth\" min=\"0\" max=\"100\">"
        "<span id=\"smoothness\"></span></label>"
        "<button class=\"quiet\" id=\"reset\" hidden>show all</button></div>\n");
}

/* ---- the table behind a chart -----------------------------------------------------------------*/

/* The steps of its rows are those of the line with the fewest points, evaluations for example, or
 * evenly spread. */
static int64_t table_steps(const lm_chart *c, int64_t steps[TABLE_ROWS]) {
    const lm_series *longest = c->lines[0].series, *marked = NULL;
    for (int64_t i = 0; i < c->count; i++) {
        const lm_series *s = c->lines[i].series;
        if (s->buckets[s->count - 1].last > longest->buckets[longest->count - 1].last) longest = s;
        if (c->lines[i].marks && (!marked || s->count > marked->count)) marked = s;
    }
    const lm_series *by = marked && marked->count > 1 ? marked : longest;
    int64_t n = lm_min(by->count, TABLE_ROWS);
    for (int64_t i = 0; i < n; i++) steps[i] = lm_series_part(by, i, n).last;
    return n;
}

static void put_table(const lm_page *p, const lm_chart *c, lm_text *out) {
    int64_t steps[TABLE_ROWS], n = table_steps(c, steps), columns = lm_min(c->count, MOST_COLUMNS);
    char text[48];
    lm_text_printf(out,
                   "<details><summary>table</summary><div class=\"scroll\"><table><thead><tr>"
                   "<th class=\"n\">step</th>%s",
                   p->n_runs == 1 ? "<th class=\"n\">tokens</th><th class=\"n\">time</th>" : "");
    for (int64_t k = 0; k < columns; k++) {
        lm_text_printf(out, "<th class=\"n\">");
        lm_html_text(out, *c->lines[k].label ? c->lines[k].label : c->title);
        lm_text_printf(out, "</th>");
    }
    lm_text_printf(out, "</tr></thead><tbody>");
    for (int64_t i = 0; i < n; i++) {
        lm_text_printf(out, "<tr><td class=\"n\">%" PRId64 "</td>", steps[i]);
        if (p->n_runs == 1) {
            lm_view_anchor a = lm_view_run_anchor(&p->runs[0], steps[i]);
            lm_text_printf(out, "<td class=\"n\">%s</td>",
                           lm_text_count(text, sizeof text, a.tokens));
            lm_text_printf(out, "<td class=\"n\">%s</td>",
                           lm_line_duration(text, sizeof text, a.seconds));
        }
        for (int64_t k = 0; k < columns; k++) {
            const lm_series *s = c->lines[k].series;
            lm_text_printf(out, "<td class=\"n\">");
            if (s->buckets[s->count - 1].last >= steps[i] && s->buckets[0].first <= steps[i])
                lm_text_printf(out, "%.5g", lm_series_at(s, steps[i]));
            lm_text_printf(out, "</td>");
        }
        lm_text_printf(out, "</tr>");
    }
    lm_text_printf(out, "</tbody></table></div></details>");
}

/* ---- charts -----------------------------------------------------------------------------------*/

static void put_legend(const lm_chart *c, lm_text *out) {
    bool named = c->count > 1 || *c->lines[0].label, events = lm_chart_has_events(c);
    if (!named && !events) return;
    lm_text_printf(out, "<div class=\"legend\">");
    for (int64_t i = 0; named && i < lm_min(c->count, LEGEND_MOST); i++) {
        lm_text_printf(out, "<span>");
        lm_chart_swatch(c->lines[i].colour, c->lines[i].dash, out);
        lm_html_text(out, c->lines[i].label);
        lm_text_printf(out, "</span>");
    }
    if (events) {
        lm_text_printf(out, "<span>");
        lm_chart_event_swatch(c->several, out);
        lm_text_printf(out, "step not taken</span>");
    }
    if (c->count > LEGEND_MOST)
        lm_text_printf(out, "<span>and %" PRId64 " more</span>", c->count - LEGEND_MOST);
    lm_text_printf(out, "</div>");
}

static void begin_figure(const char *attributes, const char *title, const char *unit,
                         lm_text *out) {
    lm_text_printf(out, "<figure %s><figcaption><b>%s</b>", attributes, title);
    if (*unit) lm_text_printf(out, "<span class=\"unit\">%s</span>", unit);
}

/* What the script writes into. */
static void end_figure(lm_text *out) {
    lm_text_printf(out, "<div class=\"tip\"></div><span class=\"spoken hidden\""
                        " aria-live=\"polite\"></span></figure>\n");
}

void lm_page_charts(const lm_page *p, const lm_charts *charts, lm_text *out) {
    lm_text attributes = {0};
    if (charts->count == 0) {
        if (!p->sweep)
            lm_text_printf(out, "<div class=\"card none\">No figures yet: the run has made no"
                                " step.</div>");
        return;
    }
    /* One chart alone in a row takes all of it. */
    int64_t narrow = 0;
    for (int64_t i = 0; i < charts->count; i++) narrow += !charts->items[i].wide;
    lm_text_printf(out, "<div class=\"grid\">\n");
    for (int64_t i = 0; i < charts->count; i++) {
        const lm_chart *c = &charts->items[i];
        bool wide = c->wide || (i == charts->count - 1 && narrow % 2 == 1);
        attributes.length = 0;
        lm_text_printf(&attributes, "data-chart=\"%s\"%s", c->id, wide ? " class=\"wide\"" : "");
        begin_figure(lm_text_cstr(&attributes), c->title, c->unit, out);
        put_legend(c, out);
        lm_text_printf(out, "</figcaption><div>");
        lm_chart_svg(c, out);
        lm_text_printf(out, "</div>");
        put_table(p, c, out);
        end_figure(out);
    }
    lm_text_printf(out, "</div>\n");
    out->failed |= attributes.failed;
    lm_text_free(&attributes);
}

/* ---- bars -------------------------------------------------------------------------------------*/

typedef struct bar {
    const char *name;
    double value;
} bar;

static void put_bar(const char *name, const char *value, double share, int colour, lm_text *out) {
    lm_text_printf(out, "<tr><td>");
    lm_html_text(out, name);
    lm_text_printf(out,
                   "</td><td class=\"n\">%s</td><td class=\"n\">%.1f%%</td><td class=\"bar\">"
                   "<svg viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                   "<rect class=\"f%d\" width=\"%.2f\" height=\"8\" rx=\"1\"/></svg></td></tr>",
                   value, 100 * share, colour, fmax(0.3, 100 * share));
}

static void begin_bars(const char *title, const char *unit, lm_text *out) {
    lm_text_printf(out,
                   "<div class=\"card\"><b>%s</b> <span class=\"unit\">%s</span>"
                   "<table class=\"bars\">",
                   title, unit);
}

/* Seconds of each kind of work, over all steps that were measured. */
static void put_phases(const lm_view_run *r, lm_text *out) {
    char text[48];
    double all = 0;
    const char prefix[] = "phases.";
    for (int round = 0; round < 2; round++) {
        if (round == 1 && !(all > 0)) return;
        if (round == 1) begin_bars("Where time goes", "per step", out);
        for (int64_t i = 0; i < r->n_series; i++) {
            const lm_view_series *v = &r->series[i];
            double sum = 0, n = 0;
            if (strncmp(v->name, prefix, sizeof prefix - 1) != 0) continue;
            for (int64_t k = 0; k < v->series.count; k++) {
                sum += v->series.buckets[k].sum;
                n += (double)v->series.buckets[k].n;
            }
            if (round == 0) {
                all += sum;
                continue;
            }
            snprintf(text, sizeof text, "%.3g ms", 1e3 * sum / n);
            if (n > 0) put_bar(v->name + sizeof prefix - 1, text, sum / all, 0, out);
        }
    }
    lm_text_printf(out, "</table></div>\n");
}

static void put_memory(const lm_view_run *r, lm_text *out) {
    char text[48];
    const char prefix[] = "plan.memory.";
    double all = 0;
    for (int round = 0; round < 2; round++) {
        if (round == 1 && !(all > 0)) return;
        if (round == 1) {
            snprintf(text, sizeof text, "plan");
            begin_bars("Memory, planned", lm_text_bytes(text, sizeof text, all), out);
        }
        for (int64_t i = 0; i < r->summary.count; i++) {
            const lm_view_entry *e = &r->summary.items[i];
            if (strncmp(e->key, prefix, sizeof prefix - 1) != 0 || !(e->number > 0)) continue;
            if (round == 0)
                all += e->number;
            else
                put_bar(e->key + sizeof prefix - 1, lm_text_bytes(text, sizeof text, e->number),
                        e->number / all, 4, out);
        }
    }
    lm_text_printf(out, "</table></div>\n");
}

void lm_page_bars(const lm_page *p, lm_text *out) {
    if (p->sweep || p->n_runs != 1) return;
    lm_text bars = {0};
    put_phases(p->runs, &bars);
    const size_t time = bars.length;
    put_memory(p->runs, &bars);
    bool both = time > 0 && bars.length > time;
    if (bars.length > 0)
        lm_text_printf(out, "<section><h2>%s</h2><div class=\"%s\">%s</div></section>\n",
                       time == 0            ? "Memory"
                       : bars.length > time ? "Time and memory"
                                            : "Time",
                       both ? "grid" : "", lm_text_cstr(&bars));
    out->failed |= bars.failed;
    lm_text_free(&bars);
}

/* ---- layers -----------------------------------------------------------------------------------*/

static const struct {
    const char *name, *title;
} statistics[] = {{"update_ratio", "update / weight"},
                  {"weight_norm", "norm of weights"},
                  {"grad_norm", "norm of gradients"},
                  {"update_norm", "norm of updates"}};
enum { STATISTICS = sizeof statistics / sizeof *statistics };

static const char layers_prefix[] = "layers.";

static double layer_figure(const lm_view_run *r, const char *parameter, int n, int which) {
    lm_text name = {0};
    lm_text_printf(&name, "%s%.*s.%s", layers_prefix, n, parameter, statistics[which].name);
    const lm_series *s = lm_view_run_series(r, lm_text_cstr(&name));
    lm_text_free(&name);
    return s && s->count > 0 ? s->last : (double)NAN;
}

static void put_layer_table(const lm_view_run *r, lm_text *out) {
    lm_text_printf(out, "<details><summary>table of the latest values</summary>"
                        "<div class=\"scroll\"><table><thead><tr><th>parameter</th>");
    for (int i = 0; i < STATISTICS; i++)
        lm_text_printf(out, "<th class=\"n\">%s</th>", statistics[i].title);
    lm_text_printf(out, "</tr></thead><tbody>");
    for (int64_t i = 0; i < r->n_series; i++) {
        const char *name = r->series[i].name;
        if (strncmp(name, layers_prefix, sizeof layers_prefix - 1) != 0 ||
            !lm_text_ends_with(name, ".weight_norm"))
            continue;
        const char *parameter = name + sizeof layers_prefix - 1;
        int n = (int)(strlen(parameter) - strlen(".weight_norm"));
        lm_text_printf(out, "<tr><td>");
        lm_html_part(out, parameter, (size_t)n);
        lm_text_printf(out, "</td>");
        for (int k = 0; k < STATISTICS; k++)
            lm_text_printf(out, "<td class=\"n\">%.4g</td>", layer_figure(r, parameter, n, k));
        lm_text_printf(out, "</tr>");
    }
    lm_text_printf(out, "</tbody></table></div></details>");
}

int64_t lm_page_layers(const lm_page *p, lm_text *out) {
    char attributes[64];
    for (int64_t i = 0; i < p->n_runs; i++) {
        bool any = false;
        for (int64_t k = 0; k < p->runs[i].n_series; k++)
            any |= strncmp(p->runs[i].series[k].name, layers_prefix, sizeof layers_prefix - 1) == 0;
        if (!any) continue;
        snprintf(attributes, sizeof attributes, "data-layers=\"%" PRId64 "\"", i);
        lm_text_printf(out, "<section><h2>Layers</h2>");
        begin_figure(attributes, "By parameter", "", out);
        lm_text_printf(out, "<select hidden aria-label=\"what is shown\">");
        for (int k = 0; k < STATISTICS; k++)
            lm_text_printf(out, "<option value=\"%s\">%s</option>", statistics[k].name,
                           statistics[k].title);
        lm_text_printf(out, "</select></figcaption><div><svg class=\"map\"></svg></div>");
        put_layer_table(&p->runs[i], out);
        end_figure(out);
        lm_text_printf(out, "</section>\n");
        return i;
    }
    return -1;
}
