/* Power laws as a picture: lines over logarithmic axes, one panel beside the other, an SVG file of
 * its own that any browser shows. */
#ifndef LM_VIEW_POWERS_H
#define LM_VIEW_POWERS_H

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

typedef struct lm_power_line {
    const char *label;
    double slope;    /* shown behind the label, unless it is NaN */
    const double *y; /* [n]; what is not positive is left out */
} lm_power_line;

typedef struct lm_power_panel {
    const char *title, *unit; /* unit: of x */
    int64_t n;
    const double *x; /* [n], positive, rising; n >= 2 */
    int64_t count;
    const lm_power_line *lines; /* [count] */
} lm_power_panel;

/* Appends the file's text: n panels, of which each has axes of its own. */
void lm_powers_svg(const lm_power_panel *panels, int64_t n, lm_text *out);
/* May the path be written? LM_ERR_USAGE when a file is there that lm_powers_svg did not make:
 * lmtrain replaces only its own. */
lm_status lm_powers_check(const char *path, lm_error *err);

#endif
