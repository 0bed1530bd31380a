/* What happened in runs: losses that they were to reach, steps that were not taken. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/numbers.h"
#include "containers/json_tree.h"
#include "view/escape.h"
#include "view/page_parts.h"

enum { MOST_TARGETS = 256 }; /* rows of one run */

/* ---- targets ----------------------------------------------------------------------------------*/

static double number_of(const lm_json_node *object, const char *key) {
    const lm_json_node *m = object ? lm_json_node_member(object, key) : NULL;
    return m && m->kind == LM_JSON_NUMBER ? m->number : (double)NAN;
}

static void put_target(const lm_json_node *t, lm_text *out) {
    char text[48];
    const double step = number_of(t, "step"), seconds = number_of(t, "seconds");
    const double tokens = number_of(t, "tokens"), flops = number_of(t, "flops");
    const lm_json_node *line = lm_json_node_member(t, "interpolated");
    const double crossed = number_of(line, "step"), after = number_of(line, "seconds");
    lm_text_printf(out, "<td class=\"n\">%.6g</td>", number_of(t, "loss"));
    if (!isfinite(step)) {
        lm_text_printf(out, "<td class=\"n\">not reached</td><td></td><td></td><td></td><td></td>");
        return;
    }
    lm_page_number_cell(step, 0, out);
    lm_text_printf(out, "<td class=\"n\">%s</td>", lm_text_count(text, sizeof text, tokens));
    lm_text_printf(out, "<td class=\"n\">%s</td>", lm_text_count(text, sizeof text, flops));
    lm_text_printf(out, "<td class=\"n\">%s</td>", lm_page_took(text, sizeof text, seconds));
    lm_text_printf(out, "<td class=\"n\">%.6g", crossed);
    lm_text_printf(out, ", %s</td>", lm_page_took(text, sizeof text, after));
}

static void put_targets(const lm_page *p, const lm_view_run *r, const lm_json_node *list,
                        lm_text *out) {
    int64_t n = 0;
    for (const lm_json_node *t = list->child; t && n < MOST_TARGETS; t = t->next) {
        if (t->kind != LM_JSON_OBJECT) continue;
        if (n++ == 0 && out->length == 0)
            lm_text_printf(
                out,
                "<section><h2>Targets</h2><div class=\"card\"><div class=\"scroll tall\">"
                "<table class=\"sort\"><thead><tr>%s<th class=\"n\">loss</th>"
                "<th class=\"n\">reached at step</th><th class=\"n\">tokens</th>"
                "<th class=\"n\">FLOP</th><th class=\"n\">time</th>"
                "<th class=\"n\">crossed at step, time</th></tr></thead><tbody>\n",
                p->n_runs > 1 ? "<th>run</th>" : "");
        lm_text_printf(out, "<tr>");
        if (p->n_runs > 1) {
            lm_text_printf(out, "<td class=\"name\"><div class=\"clip\">");
            lm_html_text(out, r->name);
            lm_text_printf(out, "</div></td>");
        }
        put_target(t, out);
        lm_text_printf(out, "</tr>\n");
    }
}

void lm_page_targets(const lm_page *p, lm_text *out) {
    lm_text table = {0};
    for (int64_t i = 0; i < p->n_runs; i++) {
        const char *text = lm_view_text(&p->runs[i].summary, "targets");
        lm_json_node *root = NULL;
        lm_error aside;
        if (!text) continue;
        if (lm_json_tree_read(&root, "targets", text, strlen(text), NULL, &aside) == LM_OK &&
            root->kind == LM_JSON_ARRAY)
            put_targets(p, &p->runs[i], root, &table);
        lm_json_tree_free(root);
    }
    if (table.length > 0)
        lm_text_printf(out, "%s</tbody></table></div></div></section>\n", lm_text_cstr(&table));
    out->failed |= table.failed;
    lm_text_free(&table);
}

/* ---- steps that were not taken ----------------------------------------------------------------*/

static void put_event(const lm_page *p, const lm_view_run *r, const lm_view_event *e,
                      lm_text *out) {
    lm_text_printf(out, "<tr>");
    if (p->n_runs > 1) {
        lm_text_printf(out, "<td class=\"name\"><div class=\"clip\">");
        lm_html_text(out, r->name);
        lm_text_printf(out, "</div></td>");
    }
    lm_text_printf(out, "<td class=\"n\">%" PRId64 "</td><td class=\"why\">", e->step);
    lm_html_text(out, e->why);
    if (e->back >= 0)
        lm_text_printf(out, "</td><td class=\"keep\">went back to step %" PRId64 "</td></tr>\n",
                       e->back);
    else
        lm_text_printf(out, "</td><td class=\"keep\">skipped</td></tr>\n");
}

void lm_page_events(const lm_page *p, lm_text *out) {
    int64_t all = 0, shown = 0;
    for (int64_t i = 0; i < p->n_runs; i++) {
        all += p->runs[i].events_seen;
        shown += p->runs[i].n_events;
    }
    if (shown == 0) return;
    lm_text_printf(out,
                   "<section><h2>Steps not taken</h2><div class=\"card\"><div class=\"scroll\">"
                   "<table><thead><tr>%s<th class=\"n\">step</th><th>why</th>"
                   "<th>what was done</th></tr></thead><tbody>\n",
                   p->n_runs > 1 ? "<th>run</th>" : "");
    for (int64_t i = 0; i < p->n_runs; i++)
        for (int64_t k = 0; k < p->runs[i].n_events; k++)
            put_event(p, &p->runs[i], &p->runs[i].events[k], out);
    lm_text_printf(out, "</tbody></table></div>");
    if (shown < all)
        lm_text_printf(out,
                       "<p class=\"sample\">%" PRId64 " of %" PRId64 " are shown, evenly spread;"
                       " metrics.jsonl has all.</p>",
                       shown, all);
    lm_text_printf(out, "</div></section>\n");
}
