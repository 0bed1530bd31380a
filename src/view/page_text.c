/* The texts of a page: samples over time; the config, and what differs between runs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "view/escape.h"
#include "view/page_parts.h"

enum { OPEN_SAMPLES = 1, MOST_CONFIG_COLUMNS = 12 };

/* ---- samples ----------------------------------------------------------------------------------*/

static void put_sample(const lm_view_sample *s, bool open, lm_text *out) {
    lm_text_printf(out, "<details class=\"sample\"%s><summary>step %" PRId64 "</summary><pre><i>",
                   open ? " open" : "", s->step);
    lm_html_lines(out, s->prompt);
    lm_text_printf(out, "</i>");
    lm_html_lines(out, s->text);
    lm_text_printf(out, "</pre></details>");
}

void lm_page_samples(const lm_page *p, lm_text *out) {
    bool any = false;
    for (int64_t i = 0; i < p->n_runs; i++) {
        const lm_view_run *r = &p->runs[i];
        if (r->n_samples == 0) continue;
        if (!any) lm_text_printf(out, "<section><h2>Samples</h2><div class=\"grid\">");
        any = true;
        lm_text_printf(out, "<div class=\"card%s\"><b>", p->n_runs == 1 ? " wide" : "");
        lm_html_text(out, p->n_runs == 1 ? "Text of the model, the latest first" : r->name);
        lm_text_printf(out, "</b>");
        for (int64_t k = r->n_samples - 1; k >= 0; k--)
            put_sample(&r->samples[k], k >= r->n_samples - OPEN_SAMPLES, out);
        lm_text_printf(out, "</div>");
    }
    if (any) lm_text_printf(out, "</div></section>\n");
}

/* ---- configs ----------------------------------------------------------------------------------*/

static const char *value_of(const lm_view_run *r, const char *key) {
    const char *value = lm_view_text(&r->config, key);
    return value ? value : "";
}

static bool differs(const lm_page *p, const char *key, int64_t columns) {
    for (int64_t i = 1; i < columns; i++)
        if (strcmp(value_of(&p->runs[0], key), value_of(&p->runs[i], key)) != 0) return true;
    return false;
}

static void put_row(const lm_page *p, const char *key, int64_t columns, bool differ, lm_text *out) {
    lm_text_printf(out, "<tr><td class=\"name%s\">", differ ? " differs" : "");
    lm_html_text(out, key);
    lm_text_printf(out, "</td>");
    for (int64_t i = 0; i < columns; i++) {
        lm_text_printf(out, "<td class=\"long\"><div class=\"clip\">");
        lm_html_text(out, value_of(&p->runs[i], key));
        lm_text_printf(out, "</div></td>");
    }
    lm_text_printf(out, "</tr>\n");
}

static void put_head(const lm_page *p, int64_t columns, lm_text *out) {
    lm_text_printf(out, "<div class=\"scroll tall\"><table class=\"keys\"><thead><tr><th>key</th>");
    for (int64_t i = 0; i < columns; i++) {
        lm_text_printf(out, "<th>");
        lm_html_text(out, columns > 1 ? p->runs[i].name : "value");
        lm_text_printf(out, "</th>");
    }
    lm_text_printf(out, "</tr></thead><tbody>\n");
}

/* The keys of all runs: those of the first one, then what only others have. */
static void put_keys(const lm_page *p, int64_t columns, bool only_differing, lm_text *out) {
    for (int64_t i = 0; i < columns; i++) {
        const lm_view_entries *c = &p->runs[i].config;
        for (int64_t k = 0; k < c->count; k++) {
            const char *key = c->items[k].key;
            bool before = false;
            for (int64_t j = 0; j < i; j++) before |= lm_view_text(&p->runs[j].config, key) != NULL;
            bool differ = !before && columns > 1 && differs(p, key, columns);
            if (!before && (differ || !only_differing)) put_row(p, key, columns, differ, out);
        }
    }
}

void lm_page_configs(const lm_page *p, lm_text *out) {
    int64_t columns = lm_min(p->n_runs, MOST_CONFIG_COLUMNS), keys = 0;
    for (int64_t i = 0; i < columns; i++) keys += p->runs[i].config.count;
    if (keys == 0 || p->sweep) return;
    lm_text_printf(out, "<section><h2>Config</h2><div class=\"card\">");
    if (columns > 1) {
        lm_text_printf(out, "<b>What differs</b>");
        put_head(p, columns, out);
        put_keys(p, columns, true, out);
        lm_text_printf(out, "</tbody></table></div>");
    }
    lm_text_printf(out, "<details><summary>every key%s</summary>",
                   p->n_runs > columns ? " of the first runs" : "");
    put_head(p, columns, out);
    put_keys(p, columns, false, out);
    lm_text_printf(out, "</tbody></table></div></details></div></section>\n");
}
