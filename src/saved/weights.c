#include "saved/weights.h"

#include <stddef.h>

const char *lm_weights_name(int choice) {
    static const char *const names[] = {"auto", "raw", "average"};
    return choice >= 0 && choice < LM_WEIGHTS_COUNT ? names[choice] : NULL;
}

const char *lm_weights_kind(double share) {
    return share == 0 ? "raw" : share == 1 ? "average" : "blend";
}

double lm_weights_share(int choice, const lm_run_state *s, const lm_config *c) {
    if (choice == LM_WEIGHTS_RAW || s->averaged == 0) return 0;
    return choice == LM_WEIGHTS_AVERAGE ? 1 : c->train.ema_blend;
}
