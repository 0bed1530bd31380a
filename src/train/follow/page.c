/* report.html, every log.report_seconds. */
#include "base/clock.h"
#include "train/follow.h"

static bool is_due(const lm_trainer *t) {
    return lm_page_writer_due(&t->page, lm_clock_seconds() - t->started);
}

static lm_status write(lm_trainer *t, lm_error *err) {
    (void)err; /* a page that cannot be written does not end the run */
    lm_trainer_write_page(t, true);
    return LM_OK;
}

const lm_follower lm_follow_page = {is_due, write, LM_FOLLOW_FIRST};
