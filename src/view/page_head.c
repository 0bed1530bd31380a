/* The head of a page: title, state, figures; of several runs a table. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report/line.h"
#include "report/metrics.h"
#include "view/escape.h"
#include "view/page_parts.h"

enum { LONG_TITLE = 80 };

void lm_page_state(const char *state, lm_text *out) {
    static const char *const known[] = {"running",  "finished", "paused", "interrupted",
                                        "diverged", "failed",   "stopped"};
    const char *class = "";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(state, known[i]) == 0) class = known[i];
    lm_text_printf(out, "<span class=\"state %s\">", class);
    lm_html_text(out, state);
    lm_text_printf(out, "</span>");
}

void lm_page_number_cell(double x, int digits, lm_text *out) {
    if (isfinite(x))
        lm_text_printf(out, "<td class=\"n\">%.*f</td>", digits, x);
    else
        lm_text_printf(out, "<td class=\"n\"></td>");
}

/* ---- what is known of a run -------------------------------------------------------------------*/

static double last_of(const lm_view_run *r, const char *name) {
    const lm_series *s = lm_view_run_series(r, name);
    return s && s->count > 0 ? s->last : (double)NAN;
}

/* The mean of the last fiftieth of the run's steps, so that one batch does not decide. */
static double recent_loss(const lm_view_run *r) {
    const lm_series *s = lm_view_run_series(r, "loss");
    double sum = 0;
    int64_t n = 0;
    if (!s || s->count == 0) return lm_view_number(&r->summary, "train_loss");
    for (int64_t i = s->count - 1;
         i >= 0 && (n == 0 || s->buckets[i].first > (int64_t)(0.98 * (double)r->step)); i--) {
        sum += s->buckets[i].sum;
        n += s->buckets[i].n;
    }
    return sum / (double)n;
}

static double bits_per_byte(const lm_view_run *r) {
    double x = last_of(r, "val_bits_per_byte");
    return isfinite(x) ? x : lm_view_number(&r->summary, "val_bits_per_byte");
}

static double mean_throughput(const lm_view_run *r) {
    const lm_series *s = lm_view_run_series(r, "tokens_per_s");
    double tokens = 0, seconds = 0;
    for (int64_t i = 0; s && i < s->count; i++) { /* equal tokens: the harmonic mean */
        double mean = s->buckets[i].sum / (double)s->buckets[i].n;
        if (!(mean > 0)) continue;
        tokens += (double)s->buckets[i].n;
        seconds += (double)s->buckets[i].n / mean;
    }
    return seconds > 0 ? tokens / seconds : lm_view_number(&r->summary, "tokens_per_s");
}

/* Of the machine's measured peak, in percent; NaN: not known. */
static double share_of_peak(const lm_view_run *r) {
    double flops = lm_view_number(&r->summary, "plan.flops_per_token");
    double peak = lm_view_number(&r->summary, "plan.peak_flops");
    return peak > 0 ? 100 * mean_throughput(r) * flops / peak : (double)NAN;
}

static double total_steps(const lm_view_run *r) {
    double steps = lm_view_number(&r->config, "train.steps");
    return isfinite(steps) ? steps : lm_view_number(&r->summary, "steps");
}

/* Loss with four decimals, but five digits of what is so large that it diverged. */
static void put_loss(double x, lm_text *out) {
    lm_text_printf(out, fabs(x) < 100 ? "%.4f" : "%.5g", x);
}

/* "100,000" */
static const char *grouped(char *out, size_t size, int64_t x) {
    char plain[32];
    int n = snprintf(plain, sizeof plain, "%lld", (long long)x);
    size_t to = 0;
    for (int i = 0; i < n && to + 2 < size; i++) {
        if (i > 0 && (n - i) % 3 == 0) out[to++] = ',';
        out[to++] = plain[i];
    }
    out[to] = '\0';
    return out;
}

const char *lm_page_took(char *out, size_t size, double seconds) {
    if (!(seconds < 60)) return lm_line_duration(out, size, seconds);
    snprintf(out, size, "%.3g s", seconds);
    return out;
}

/* ---- one run ----------------------------------------------------------------------------------*/

static void begin_tile(const char *name, bool first, lm_text *out) {
    lm_text_printf(out, "<div class=\"tile%s\"><dt>%s</dt><dd>", first ? " first" : "", name);
}

static void end_tile(lm_text *out) {
    lm_text_printf(out, "</dd></div>");
}

static void put_loss_tiles(const lm_view_run *r, lm_text *out) {
    char step[48];
    const lm_series *val = lm_view_run_series(r, "val_loss");
    double train = recent_loss(r), bits = bits_per_byte(r);
    bool evaluated = val && val->count > 0;
    if (evaluated) {
        begin_tile("Validation loss", true, out);
        put_loss(val->last, out);
        if (val->best < val->last)
            lm_text_printf(out, "<small>best %.4f at %s</small>", val->best,
                           grouped(step, sizeof step, val->best_at));
        else
            lm_text_printf(out, "<small>nats per token</small>");
        end_tile(out);
    }
    if (isfinite(train)) {
        begin_tile("Training loss", !evaluated, out);
        put_loss(train, out);
        lm_text_printf(out, "<small>nats per token</small>");
        end_tile(out);
    }
    if (bits > 0 && evaluated) {
        begin_tile("Bits per byte", false, out);
        lm_text_printf(out, "%.4f<small>perplexity %.4g</small>", bits, lm_perplexity(val->last));
        end_tile(out);
    } else if (evaluated) {
        begin_tile("Perplexity", false, out);
        lm_text_printf(out, "%.4g<small>per token</small>", lm_perplexity(val->last));
        end_tile(out);
    }
}

/* Steps that were not taken, and how often the run went back to a checkpoint. */
static void put_guards(const lm_view_run *r, lm_text *out) {
    const int64_t skips = lm_view_run_count(r, "skips"), rewinds = lm_view_run_count(r, "rewinds");
    if (skips + rewinds == 0) return;
    begin_tile("Steps not taken", false, out);
    lm_text_printf(out, "%lld", (long long)(skips + rewinds));
    if (rewinds == 0)
        lm_text_printf(out, "<small>skipped</small>");
    else
        lm_text_printf(out, "<small>went back %lld time%s</small>", (long long)rewinds,
                       rewinds == 1 ? "" : "s");
    end_tile(out);
}

static void put_tiles(const lm_view_run *r, lm_text *out) {
    char a[48], b[48];
    double steps = total_steps(r), speed = mean_throughput(r), share = share_of_peak(r);
    double resident = lm_view_number(&r->summary, "peak_resident_bytes");
    lm_text_printf(out, "<dl class=\"tiles\">");
    put_loss_tiles(r, out);
    begin_tile("Tokens", false, out);
    lm_text_printf(out, "%s<small>%s", lm_text_count(a, sizeof a, r->tokens),
                   grouped(b, sizeof b, r->step));
    if (steps > (double)r->step)
        lm_text_printf(out, " of %s", grouped(b, sizeof b, (int64_t)fmin(steps, 1e15)));
    lm_text_printf(out, " steps</small>");
    end_tile(out);
    begin_tile("Time", false, out);
    lm_text_printf(out, "%s", lm_page_took(a, sizeof a, r->seconds));
    if (r->running && r->step > 0 && steps > 0)
        lm_text_printf(out, "<small>about %s left</small>",
                       lm_line_duration(b, sizeof b,
                                        r->seconds / (double)r->step * (steps - (double)r->step)));
    else
        lm_text_printf(out, "<small>since its start</small>");
    end_tile(out);
    if (speed > 0) {
        begin_tile("Tokens/s", false, out);
        lm_text_printf(out, "%s", lm_text_count(a, sizeof a, speed));
        if (isfinite(share)) lm_text_printf(out, "<small>%.0f%% of the peak</small>", share);
        end_tile(out);
    }
    if (resident > 0) {
        begin_tile("Memory", false, out);
        lm_text_printf(out, "%s<small>measured, at its peak</small>",
                       lm_text_bytes(a, sizeof a, resident));
        end_tile(out);
    }
    put_guards(r, out);
    lm_text_printf(out, "</dl>");
    if (r->running && steps > 0)
        lm_text_printf(out,
                       "<svg class=\"progress\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\""
                       " role=\"img\" aria-label=\"%.0f%% done\"><rect width=\"%.2f\""
                       " height=\"1\"/></svg>",
                       100 * (double)r->step / steps, fmin(100, 100 * (double)r->step / steps));
}

/* Half a line about the model, what it learns from and the machine. */
static void put_about(const lm_view_run *r, lm_text *out) {
    char text[48];
    const lm_view_entries *c = &r->config;
    const char *layers = lm_view_text(c, "model.n_layers"),
               *width = lm_view_text(c, "model.d_model");
    const char *data = lm_view_text(c, "data.train"), *lr = lm_view_text(c, "optimizer.lr");
    const char *optimizer = lm_view_text(c, "optimizer.name");
    double parameters = lm_view_number(&r->summary, "parameters");
    if (parameters > 0)
        lm_text_printf(out, "<span>%s parameters</span>",
                       lm_text_count(text, sizeof text, parameters));
    if (layers && width) {
        lm_text_printf(out, "<span>");
        lm_html_text(out, layers);
        lm_text_printf(out, " layers of ");
        lm_html_text(out, width);
        lm_text_printf(out, "</span>");
    }
    if (optimizer && lr) {
        lm_text_printf(out, "<span>");
        lm_html_text(out, optimizer);
        lm_text_printf(out, ", lr ");
        lm_html_text(out, lr);
        lm_text_printf(out, "</span>");
    }
    if (data && strlen(data) < 200) {
        lm_text_printf(out, "<span>");
        lm_html_text(out, data);
        lm_text_printf(out, "</span>");
    }
}

static void put_written(const lm_page *p, lm_text *out) {
    char when[32] = "";
    time_t at = (time_t)p->written;
    struct tm utc;
    if (gmtime_r(&at, &utc)) strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    lm_text_printf(out, "<span>written %s</span>", when);
}

static void put_title(const char *title, const char *state, lm_text *out) {
    lm_text_printf(out, "<div class=\"top\"><h1%s>",
                   strlen(title) > LONG_TITLE ? " class=\"long\"" : "");
    lm_html_text(out, title);
    if (state) lm_page_state(state, out);
    lm_text_printf(out, "</h1><button class=\"quiet\" id=\"theme\" hidden"
                        " aria-label=\"light or dark\">◐<span class=\"word\"> light / dark</span>"
                        "</button></div>\n");
}

void lm_page_head(const lm_page *p, lm_text *out) {
    char title[64];
    const lm_view_run *r = p->runs;
    bool one = !p->sweep && p->n_runs == 1;
    lm_text_printf(out, "<header>");
    if (one) {
        put_title(r->name, lm_view_run_state(r), out);
    } else if (p->sweep) {
        put_title(p->sweep->name, p->goes_on ? "running" : NULL, out);
    } else {
        snprintf(title, sizeof title, "%lld runs compared", (long long)p->n_runs);
        put_title(title, NULL, out);
    }
    lm_text_printf(out, "<p class=\"about\">");
    if (one) put_about(r, out);
    if (p->sweep)
        lm_text_printf(out, "<span>a sweep of %lld trials</span>", (long long)p->sweep->count);
    put_written(p, out);
    lm_text_printf(out, "</p>");
    const char *why = one ? lm_view_text(&r->summary, "error") : NULL;
    if (why && strcmp(why, "null") != 0) {
        lm_text_printf(out, "<p class=\"error\">");
        lm_html_text(out, why);
        lm_text_printf(out, "</p>");
    }
    if (one) put_tiles(r, out);
    lm_text_printf(out, "</header>\n");
}

/* ---- several runs -----------------------------------------------------------------------------*/

static void put_run_row(const lm_view_run *r, int64_t i, bool best, lm_text *out) {
    char text[48];
    const lm_series *val = lm_view_run_series(r, "val_loss");
    bool evaluated = val && val->count > 0;
    lm_text_printf(out, "<tr%s><td>", best ? " class=\"best\"" : "");
    lm_chart_swatch((int)(i % LM_CHART_COLOURS),
                    (int)((i + i / LM_CHART_COLOURS) % LM_CHART_DASHES), out);
    lm_text_printf(out, "</td><td class=\"name\"><div class=\"clip\">");
    lm_html_text(out, r->name);
    lm_text_printf(out, "</div></td><td>");
    lm_page_state(lm_view_run_state(r), out);
    lm_text_printf(out, "</td><td class=\"n\">%lld</td>", (long long)r->step);
    lm_page_number_cell(recent_loss(r), 4, out);
    lm_page_number_cell(evaluated ? val->last : (double)NAN, 4, out);
    lm_page_number_cell(evaluated ? val->best : (double)NAN, 4, out);
    lm_page_number_cell(bits_per_byte(r), 4, out);
    lm_text_printf(out, "<td class=\"n\" data-v=\"%.0f\">%s</td>", r->tokens,
                   lm_text_count(text, sizeof text, r->tokens));
    lm_text_printf(out, "<td class=\"n\" data-v=\"%.3f\">%s</td>", r->seconds,
                   lm_page_took(text, sizeof text, r->seconds));
    lm_text_printf(out, "<td class=\"n\" data-v=\"%.0f\">%s</td></tr>\n", mean_throughput(r),
                   lm_text_count(text, sizeof text, mean_throughput(r)));
}

/* What runs are compared by, NaN: not at all. */
static double rank_of(const lm_view_run *r, bool by_val) {
    if (lm_view_run_ended_badly(r)) return NAN;
    return by_val ? last_of(r, "val_loss") : recent_loss(r);
}

/* The run with the least validation loss, or training loss where no run was evaluated; of a sweep
 * the first, as its leaderboard ranks settings. -1: none. */
static int64_t find_best(const lm_page *p) {
    int64_t best = -1;
    bool by_val = false;
    for (int64_t i = 0; i < p->n_runs; i++) by_val |= isfinite(rank_of(&p->runs[i], true));
    for (int64_t i = 0; i < (p->sweep ? 1 : p->n_runs); i++) {
        double rank = rank_of(&p->runs[i], by_val);
        if (isfinite(rank) && (best < 0 || rank < rank_of(&p->runs[best], by_val))) best = i;
    }
    return best;
}

void lm_page_runs(const lm_page *p, lm_text *out) {
    const int64_t best = find_best(p);
    if (p->n_runs < 2) return;
    lm_text_printf(out,
                   "<section><h2>%s</h2><div class=\"card\"><div class=\"scroll tall\">"
                   "<table class=\"sort\"><thead><tr><th></th><th>run</th><th>state</th>"
                   "<th class=\"n\">step</th><th class=\"n\">train</th><th class=\"n\">val</th>"
                   "<th class=\"n\">best val</th><th class=\"n\">bits/byte</th>"
                   "<th class=\"n\">tokens</th><th class=\"n\">time</th>"
                   "<th class=\"n\">tokens/s</th></tr></thead><tbody>\n",
                   p->sweep ? "Best trials" : "Runs");
    for (int64_t i = 0; i < p->n_runs; i++) put_run_row(&p->runs[i], i, i == best, out);
    lm_text_printf(out, "</tbody></table></div></div></section>\n");
}
