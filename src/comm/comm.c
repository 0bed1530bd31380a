#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "comm/launch.h"
#include "comm/parts.h"

int lm_comm_rank(const lm_comm *c) {
    return c ? c->rank : 0;
}

int lm_comm_size(const lm_comm *c) {
    return c ? c->size : 1;
}

const char *lm_comm_host(const lm_comm *c, int rank) {
    return c ? c->cards[rank].host : "";
}

static int count_like(const lm_comm *c, bool same_cpus) {
    int n = 0;
    if (!c) return 1;
    const lm_comm_card *own = &c->cards[c->rank];
    for (int r = 0; r < c->size; r++)
        n += strcmp(c->cards[r].host, own->host) == 0 &&
             (!same_cpus || c->cards[r].cpus == own->cpus);
    return n;
}

int lm_comm_neighbours(const lm_comm *c) {
    return count_like(c, false);
}

int lm_comm_sharers(const lm_comm *c) {
    return count_like(c, true);
}

lm_comm_cpus lm_comm_host_cpus(const lm_comm *c) {
    lm_comm_cpus n = {0};
    int reachable = 0;
    for (size_t i = 0; c && i < LM_COMM_CPUS / 64; i++) {
        uint64_t any = 0;
        for (int r = 0; r < c->size; r++)
            if (strcmp(c->cards[r].host, c->cards[c->rank].host) == 0) any |= c->cards[r].bits[i];
        for (; any; any &= any - 1) n.used++;
    }
    for (int r = 0; c && r < c->size; r++)
        if (strcmp(c->cards[r].host, c->cards[c->rank].host) == 0 &&
            c->cards[r].reachable > reachable)
            reachable = c->cards[r].reachable;
    if (reachable > n.used) n.idle = reachable - n.used;
    return n;
}

void lm_comm_set_timeout(lm_comm *c, double seconds, int exit_code) {
    if (!c) return;
    c->timeout = seconds;
    c->exit_code = exit_code;
}

void lm_comm_set_turn(lm_comm *c, void (*call)(void *argument), void *argument) {
    if (!c) return;
    c->turn = call;
    c->turn_argument = argument;
}

int lm_comm_strangers(const char **launcher) {
    lm_launch l = lm_launch_read();
    *launcher = l.launcher;
    return lm_comm_met() || l.size == 1 ? 0 : l.size;
}

/* ---- all together -----------------------------------------------------------------------------*/

static unsigned char *at(void *data, size_t offset) {
    return (unsigned char *)data + offset;
}

lm_status lm_comm_all(lm_comm *c, void *data, const size_t *offsets, lm_error *err) {
    if (!c) return LM_OK;
    const size_t own = offsets[c->rank], size = offsets[c->rank + 1] - own;
    /* Each begins with the rank after it, so that not all send to the same one at once. */
    for (int k = 1; k < c->size; k++) {
        int from = (c->rank + c->size - k) % c->size;
        lm_comm_receive(c->own, from, at(data, offsets[from]), offsets[from + 1] - offsets[from]);
    }
    for (int k = 1; k < c->size; k++)
        lm_comm_send(c->own, (c->rank + k) % c->size, at(data, own), size);
    return lm_comm_wait(c->own, err);
}

lm_status lm_comm_all_equal(lm_comm *c, void *data, size_t each, lm_error *err) {
    if (!c) return LM_OK;
    for (int r = 0; r < c->size; r++)
        if (r != c->rank) lm_comm_receive(c->own, r, at(data, (size_t)r * each), each);
    for (int k = 1; k < c->size; k++)
        lm_comm_send(c->own, (c->rank + k) % c->size, at(data, (size_t)c->rank * each), each);
    return lm_comm_wait(c->own, err);
}

lm_status lm_comm_collect(lm_comm *c, void *data, const size_t *offsets, lm_error *err) {
    if (!c) return LM_OK;
    if (c->rank > 0)
        lm_comm_send(c->own, 0, at(data, offsets[c->rank]),
                     offsets[c->rank + 1] - offsets[c->rank]);
    for (int r = 1; c->rank == 0 && r < c->size; r++)
        lm_comm_receive(c->own, r, at(data, offsets[r]), offsets[r + 1] - offsets[r]);
    return lm_comm_wait(c->own, err);
}

lm_status lm_comm_broadcast(lm_comm *c, int from, void *data, size_t size, lm_error *err) {
    if (!c) return LM_OK;
    if (c->rank != from) lm_comm_receive(c->own, from, data, size);
    for (int r = 0; c->rank == from && r < c->size; r++)
        if (r != from) lm_comm_send(c->own, r, data, size);
    return lm_comm_wait(c->own, err);
}

/* ---- errors -----------------------------------------------------------------------------------*/

lm_status lm_comm_agree(lm_comm *c, lm_status status, lm_error *err) {
    lm_error aside;
    int first = 0;
    if (!c) return status;
    if (status != LM_OK) err->shared = false;
    int32_t *all = calloc((size_t)c->size, sizeof *all);
    if (!all) return status == LM_OK ? lm_error_no_memory(err, NULL) : status;
    all[c->rank] = (int32_t)status;
    lm_status sent = lm_comm_all_equal(c, all, sizeof *all, &aside);
    while (sent == LM_OK && first < c->size && all[first] == LM_OK) first++;
    if (sent == LM_OK && first < c->size) {
        if (c->rank == first) aside = *err;
        sent = lm_comm_broadcast(c, first, &aside, sizeof aside, &aside);
        aside.shared = sent == LM_OK;
        if (aside.shared && first > 0)
            lm_error_prefix(&aside, "rank %d on %s", first, lm_comm_host(c, first));
        *err = aside;
        status = aside.code;
    } else if (sent != LM_OK) {
        if (status == LM_OK) *err = aside;
        status = err->code;
    }
    free(all);
    return status;
}

void lm_comm_fail(const lm_comm *c, lm_status status, const lm_error *err) {
    if (!c || status == LM_OK || err->shared) return;
    fprintf(stderr, "lmtrain: rank %d of %d on %s: %s\n", c->rank, c->size,
            lm_comm_host(c, c->rank), err->message);
    lm_comm_abort(err->exit_code ? err->exit_code : (int)status);
}

lm_status lm_comm_close(lm_comm *c, lm_status status, lm_error *err) {
    lm_comm_fail(c, status, err);
    /* Said once, and before any process ends: a launcher that sees one fail kills the others. */
    if (c && status != LM_OK) {
        if (c->rank == 0 && err->message[0]) fprintf(stderr, "lmtrain: %s\n", err->message);
        err->message[0] = '\0';
    }
    /* The first that ends with an exit code makes launchers send this to the others (srun
     * --kill-on-bad-exit), whose code must be the same. Nobody ends before all are here. */
    if (c) signal(SIGTERM, SIG_IGN);
    if (c) lm_comm_settle(c);
    lm_comm_end();
    if (c) {
        lm_comm_batch_free(c->own);
        free(c->cards);
        free(c->heard);
    }
    free(c);
    return status;
}
