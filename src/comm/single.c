/* One process: no comm is ever made, so that nothing is ever sent. */
#include "comm/parts.h"

const char *lm_comm_library(char *text, size_t size) {
    (void)text;
    (void)size;
    return NULL;
}

lm_status lm_comm_open(lm_comm **c, lm_error *err) {
    (void)err;
    *c = NULL;
    return LM_OK;
}

bool lm_comm_met(void) {
    return false;
}

void lm_comm_settle(lm_comm *c) {
    LM_ASSERT(!c);
}

void lm_comm_end(void) {}

void lm_comm_abort(int code) {
    (void)code;
    lm_assert_failed("one process", __FILE__, __LINE__);
}

lm_comm_batch *lm_comm_batch_create(lm_comm *c, int channel) {
    (void)channel;
    LM_ASSERT(!c);
    return NULL;
}

void lm_comm_batch_free(lm_comm_batch *b) {
    LM_ASSERT(!b);
}

void lm_comm_send(lm_comm_batch *b, int to, const void *data, size_t size) {
    (void)to;
    (void)data;
    (void)size;
    LM_ASSERT(b);
}

void lm_comm_receive(lm_comm_batch *b, int from, void *data, size_t size) {
    (void)from;
    (void)data;
    (void)size;
    LM_ASSERT(b);
}

bool lm_comm_test(lm_comm_batch *b) {
    return !b;
}

void lm_comm_alive(lm_comm *c) {
    LM_ASSERT(!c);
}

lm_status lm_comm_wait(lm_comm_batch *b, lm_error *err) {
    (void)b;
    (void)err;
    return LM_OK;
}
