/* The part of a page about a sweep: leaderboard, each key against the loss, two keys at once. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/numbers.h"
#include "report/line.h"
#include "view/escape.h"
#include "view/page_parts.h"

enum { MOST_ROWS = 2000 };

static void put_cell(const lm_view_sweep *s, const lm_json_node *value, lm_text *out) {
    lm_text shown = {0};
    lm_view_sweep_show(s, value, &shown);
    lm_text_printf(out, "<td%s><div class=\"clip\">",
                   value && value->kind == LM_JSON_NUMBER ? " class=\"n\"" : "");
    lm_html_text(out, lm_text_cstr(&shown));
    lm_text_printf(out, "</div></td>");
    out->failed |= shown.failed;
    lm_text_free(&shown);
}

static bool any_number(const lm_view_sweep *s, const char *member) {
    for (int64_t i = 0; i < s->count; i++)
        if (isfinite(lm_view_sweep_number(s->rows[i], member))) return true;
    return false;
}

static bool numbers(const lm_view_sweep *s, const char *key) {
    for (int64_t i = 0; i < s->count; i++) {
        const lm_json_node *v = lm_view_sweep_value(s->rows[i], key);
        if (v && v->kind != LM_JSON_NUMBER) return false;
    }
    return true;
}

/* Which columns there are beside those that every leaderboard has. */
typedef struct columns {
    bool means, differences, seeds, steps;
} columns;

static void put_trial(const lm_json_node *row, lm_text *out) {
    double trial = lm_view_sweep_number(row, "trial");
    if (!lm_view_sweep_is_base(row) || !isfinite(trial)) {
        lm_page_number_cell(trial, 0, out);
        return;
    }
    lm_text_printf(out, "<td class=\"n\" data-v=\"%.0f\"><span class=\"tag\">base</span>%.0f</td>",
                   trial, trial);
}

static void put_row(const lm_view_sweep *s, const lm_json_node *row, bool best, columns c,
                    lm_text *out) {
    char text[48];
    double seconds = lm_view_sweep_number(row, "seconds");
    const char *state = lm_view_sweep_text(row, "state");
    lm_text_printf(out, "<tr%s>", best ? " class=\"best\"" : "");
    put_trial(row, out);
    lm_page_number_cell(lm_view_sweep_number(row, "loss"), 4, out);
    if (c.means) lm_page_number_cell(lm_view_sweep_number(row, "mean"), 4, out);
    if (c.means) lm_page_number_cell(lm_view_sweep_number(row, "stderr"), 4, out);
    if (c.differences) lm_page_number_cell(lm_view_sweep_number(row, "difference"), 4, out);
    for (int k = 0; k < s->n_keys; k++)
        if (s->varies[k]) put_cell(s, lm_view_sweep_value(row, s->keys[k]), out);
    if (c.seeds) lm_page_number_cell(lm_view_sweep_number(row, "seed"), 0, out);
    if (c.steps) lm_page_number_cell(lm_view_sweep_number(row, "step"), 0, out);
    lm_text_printf(out, "<td class=\"n\" data-v=\"%.3f\">%s</td><td>", seconds,
                   isfinite(seconds) ? lm_line_duration(text, sizeof text, seconds) : "");
    if (state) lm_page_state(state, out);
    lm_text_printf(out, "</td></tr>\n");
}

static void put_leaderboard(const lm_view_sweep *s, lm_text *out) {
    const double best = lm_view_sweep_number(s->rows[0], "loss");
    const columns c = {.means = any_number(s, "stderr"),
                       .differences = any_number(s, "difference"),
                       .seeds = any_number(s, "seed"),
                       .steps = any_number(s, "step")};
    lm_text_printf(out,
                   "<section><h2>Leaderboard</h2><div class=\"card\">"
                   "<div class=\"scroll tall\"><table class=\"sort\"><thead><tr>"
                   "<th class=\"n\">trial</th><th class=\"n\">loss</th>%s%s",
                   c.means ? "<th class=\"n\">mean</th><th class=\"n\">± s.e.</th>" : "",
                   c.differences ? "<th class=\"n\">beside base</th>" : "");
    for (int k = 0; k < s->n_keys; k++) {
        if (!s->varies[k]) continue;
        lm_text_printf(out, numbers(s, s->keys[k]) ? "<th class=\"n\">" : "<th>");
        lm_html_text(out, s->keys[k]);
        lm_text_printf(out, "</th>");
    }
    lm_text_printf(out, "%s%s<th class=\"n\">time</th><th>state</th></tr></thead><tbody>\n",
                   c.seeds ? "<th class=\"n\">seed</th>" : "",
                   c.steps ? "<th class=\"n\">step</th>" : "");
    for (int64_t i = 0; i < lm_min(s->count, MOST_ROWS); i++)
        put_row(s, s->rows[i], i == 0 && isfinite(best), c, out);
    lm_text_printf(out, "</tbody></table></div>");
    if (s->count > MOST_ROWS)
        lm_text_printf(out, "<p class=\"about\">and %" PRId64 " more: leaderboard.json</p>",
                       s->count - MOST_ROWS);
    lm_text_printf(out, "</div></section>\n");
}

static void put_figure(const char *attribute, const char *title, lm_text *out) {
    lm_text_printf(out, "<figure %s=\"", attribute);
    lm_html_text(out, title);
    lm_text_printf(out, "\"><figcaption><b>");
    lm_html_text(out, title);
    lm_text_printf(out, "</b><span class=\"unit\">loss of each trial, and the median"
                        "</span></figcaption><div><svg class=\"plot\"></svg></div>"
                        "<div class=\"tip\"></div></figure>\n");
}

static void put_select(const lm_view_sweep *s, int chosen, const char *label, lm_text *out) {
    lm_text_printf(out, "<select disabled aria-label=\"%s\">", label);
    for (int k = 0, n = 0; k < s->n_keys; k++) {
        if (!s->varies[k]) continue;
        lm_text_printf(out, "<option%s value=\"", n++ == chosen ? " selected" : "");
        lm_html_text(out, s->keys[k]);
        lm_text_printf(out, "\">");
        lm_html_text(out, s->keys[k]);
        lm_text_printf(out, "</option>");
    }
    lm_text_printf(out, "</select>");
}

static void put_states(const lm_view_sweep *s, lm_text *out) {
    const char *names[8];
    int64_t counts[8], n = 0;
    for (int64_t i = 0; i < s->count; i++) {
        const char *state = lm_view_sweep_text(s->rows[i], "state");
        int64_t k = 0;
        while (state && k < n && strcmp(names[k], state) != 0) k++;
        if (!state || k == 8) continue;
        if (k == n) {
            names[n] = state;
            counts[n++] = 0;
        }
        counts[k]++;
    }
    for (int64_t k = 0; k < n; k++) {
        lm_text_printf(out, "<div class=\"tile\"><dt>");
        lm_html_text(out, names[k]);
        lm_text_printf(out, "</dt><dd>%" PRId64 "<small>of %" PRId64 " trials</small></dd></div>",
                       counts[k], s->count);
    }
}

/* The best setting's mean where it has several trials, else the loss of the only one. */
static void put_best(const lm_view_sweep *s, lm_text *out) {
    const lm_json_node *row = s->rows[0];
    double mean = lm_view_sweep_number(row, "mean"), error = lm_view_sweep_number(row, "stderr");
    bool several = isfinite(mean) && isfinite(error);
    lm_text_printf(out, "<div class=\"tile first\"><dt>Best loss</dt><dd>%.4f<small>",
                   several ? mean : lm_view_sweep_number(row, "loss"));
    if (several) lm_text_printf(out, "± %.4f, mean over seeds", error);
    if (!several) lm_text_printf(out, "trial %.0f", lm_view_sweep_number(row, "trial"));
    lm_text_printf(out, "</small></dd></div>");
}

static void put_tiles(const lm_view_sweep *s, lm_text *out) {
    char text[48];
    double seconds = 0, loss = lm_view_sweep_number(s->rows[0], "loss");
    for (int64_t i = 0; i < s->count; i++) {
        double x = lm_view_sweep_number(s->rows[i], "seconds");
        if (isfinite(x)) seconds += x;
    }
    lm_text_printf(out, "<dl class=\"tiles\">");
    if (isfinite(loss)) {
        put_best(s, out);
        for (int k = 0, n = 0; k < s->n_keys && n < 3; k++) {
            if (!s->varies[k]) continue;
            lm_text value = {0};
            lm_view_sweep_show(s, lm_view_sweep_value(s->rows[0], s->keys[k]), &value);
            if (value.length > 0 && value.length < 24) {
                n++;
                lm_text_printf(out, "<div class=\"tile\"><dt>");
                lm_html_text(out, s->keys[k]);
                lm_text_printf(out, "</dt><dd>");
                lm_html_text(out, lm_text_cstr(&value));
                lm_text_printf(out, "<small>of the best trial</small></dd></div>");
            }
            out->failed |= value.failed;
            lm_text_free(&value);
        }
    }
    put_states(s, out);
    if (seconds > 0)
        lm_text_printf(out,
                       "<div class=\"tile\"><dt>Time</dt><dd>%s<small>of all trials"
                       "</small></dd></div>",
                       lm_line_duration(text, sizeof text, seconds));
    lm_text_printf(out, "</dl>\n");
}

void lm_page_sweep(const lm_page *p, lm_text *out) {
    const lm_view_sweep *s = p->sweep;
    int varying = 0;
    if (!s) return;
    if (s->count == 0) {
        lm_text_printf(out, "<div class=\"card none\">No trial has ended yet.</div>\n");
        return;
    }
    put_tiles(s, out);
    put_leaderboard(s, out);
    for (int k = 0; k < s->n_keys; k++) varying += s->varies[k];
    if (varying == 0 || !any_number(s, "loss")) return;
    lm_text_printf(out, "<section><h2>What matters</h2>");
    if (s->count > LM_PAGE_MOST_TRIALS)
        lm_text_printf(out, "<p class=\"about\">The best %d of %" PRId64 " trials.</p>",
                       LM_PAGE_MOST_TRIALS, s->count);
    lm_text_printf(out, "<div class=\"grid\">\n");
    for (int k = 0; k < s->n_keys; k++)
        if (s->varies[k]) put_figure("data-key", s->keys[k], out);
    lm_text_printf(out, "</div></section>\n");
    if (varying < 2) return;
    lm_text_printf(out, "<section><h2>Two keys at once</h2>"
                        "<figure data-pair=\"\"><figcaption>");
    put_select(s, 0, "across", out);
    put_select(s, 1, "upwards", out);
    lm_text_printf(out, "<span class=\"unit\">colour by the loss's rank</span></figcaption>"
                        "<div><svg class=\"plot\"></svg></div>"
                        "<div class=\"tip\"></div></figure></section>\n");
}
