/* The style and the script of a page. The Makefile writes the bytes of the files beside this one
 * as lists of numbers. */
#include "base/sha256.h"
#include "view/page_parts.h"

static const unsigned char style[] = {
#include "view/page.css.inc"
};
static const unsigned char script_chart[] = {
#include "view/page_chart.js.inc"
};
static const unsigned char script_sweep[] = {
#include "view/page_sweep.js.inc"
};
static const unsigned char script_page[] = {
#include "view/page.js.inc"
};

void lm_page_style(lm_text *out) {
    lm_text_append(out, style, sizeof style);
}

void lm_page_script(lm_text *out) {
    lm_text_append(out, script_chart, sizeof script_chart);
    lm_text_append(out, script_sweep, sizeof script_sweep);
    lm_text_append(out, script_page, sizeof script_page);
}
