#include "dist/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

lm_forecast lm_forecast_make(const lm_forecast_of *f) {
    const lm_traffic t = lm_traffic_of(f->ranks, f->lanes, f->model);
    const double first = (double)f->first / (double)f->model.elements;
    const double last = (double)f->last / (double)f->model.elements;
    const double gradients = fmax(t.gradients_out, t.gradients_in) / f->bandwidth;
    const double weights = fmax(t.weights_out, t.weights_in) / f->bandwidth;
    const double lines = fmax(t.lines_out, t.lines_in) / f->bandwidth;
    lm_forecast r = {.traffic = t, .sending = gradients + weights + lines};
    r.compute = f->windows * (double)t.most_lanes / (double)f->lanes + f->rest / f->ranks;
    r.waiting = fmax(gradients - f->pass * 2 / 3, last * gradients) +
                fmax(weights - f->pass / 3, first * weights) + lines;
    r.step = r.compute + r.waiting;
    return r;
}

/* Reads "12" or "12.5"; NULL: it is no number. */
static const char *read_number(const char *text, double *number) {
    const char *end = text + strspn(text, "0123456789");
    char digits[32];
    if (end == text) return NULL;
    if (*end == '.' && end[1] >= '0' && end[1] <= '9') end += 1 + strspn(end + 1, "0123456789");
    if ((size_t)(end - text) >= sizeof digits) return NULL;
    memcpy(digits, text, (size_t)(end - text));
    digits[end - text] = '\0';
    *number = strtod(digits, NULL);
    return end;
}

bool lm_network_parse(const char *text, double *bytes) {
    static const char prefixes[] = "kMGT"; /* powers of 1000 */
    double number;
    const char *at = read_number(text, &number);
    if (!at || number <= 0) return false;
    if (*at == ' ') at++;
    const char *prefix = *at ? strchr(prefixes, *at) : NULL;
    if (prefix) {
        number *= pow(1000, (double)(prefix - prefixes + 1));
        at++;
    }
    bool bits = strcmp(at, "bit") == 0 || strcmp(at, "bit/s") == 0;
    if (!bits && strcmp(at, "B/s") != 0) return false;
    *bytes = bits ? number / 8 : number;
    return true;
}
