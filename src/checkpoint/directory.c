#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"

#define PREFIX "step-"
#define SUFFIX ".npz"
#define ASIDE  ".aside"
#define HALF   ".tmp"
#define DIGITS 10

/* The step of "step-", ten digits, suffix; -1: it is not such a name. Ten digits always, so that
 * the order of names is the order of steps. */
static int64_t step_of(const char *name, const char *suffix) {
    const size_t prefix = strlen(PREFIX);
    if (strncmp(name, PREFIX, prefix) != 0) return -1;
    if (strspn(name + prefix, "0123456789") != DIGITS) return -1;
    if (strcmp(name + prefix + DIGITS, suffix) != 0) return -1;
    return strtoll(name + prefix, NULL, 10);
}

/* The temporary file of a checkpoint: of lm_file_writer_open, or of lm_file_temporary when several
 * processes write it. */
static bool is_half(const char *name) {
    const size_t front = strlen(PREFIX) + DIGITS + strlen(SUFFIX), size = strlen(name);
    char head[64];
    if (size < front + strlen(HALF) || front >= sizeof head) return false;
    if (strcmp(name + size - strlen(HALF), HALF) != 0) return false;
    memcpy(head, name, front);
    head[front] = '\0';
    if (step_of(head, SUFFIX) < 0) return false;
    const size_t middle = size - front - strlen(HALF);
    return middle == 0 ||
           (name[front] == '.' && strspn(name + front + 1, "0123456789-") == middle - 1);
}

char *lm_checkpoint_path(const char *directory, int64_t step) {
    char name[64];
    LM_ASSERT(step >= 0 && step <= LM_CHECKPOINT_MAX_STEP);
    snprintf(name, sizeof name, PREFIX "%0*" PRId64 SUFFIX, DIGITS, step);
    return lm_file_join(directory, name);
}

int64_t lm_checkpoint_step(const char *name) {
    return step_of(name, SUFFIX);
}

lm_status lm_checkpoint_check(const char *path, lm_pool *pool, lm_error *err) {
    lm_checkpoint *c = NULL;
    lm_status status = lm_checkpoint_open(&c, path, err);
    if (status == LM_OK) status = lm_checkpoint_verify(c, pool, err);
    lm_checkpoint_close(c);
    return status;
}

lm_status lm_checkpoint_newest(const char *directory, lm_pool *pool, char **path, lm_text *skipped,
                               lm_error *err) {
    lm_file_list list;
    *path = NULL;
    if (!lm_file_exists(directory)) return LM_OK;
    lm_status status = lm_file_list_directory(&list, directory, err);
    for (size_t i = list.count; status == LM_OK && i-- > 0 && !*path;) {
        if (step_of(list.names[i], SUFFIX) < 0) continue;
        char *candidate = lm_file_join(directory, list.names[i]);
        status = candidate ? lm_checkpoint_check(candidate, pool, err)
                           : lm_error_no_memory(err, directory);
        if (status == LM_OK) {
            *path = candidate;
            break;
        }
        if (candidate && err->damaged) {
            lm_text_say(skipped, "%-s\n", err->message);
            status = LM_OK;
        }
        free(candidate);
    }
    lm_file_list_free(&list);
    return status;
}

/* To "PATH.aside", or "PATH.aside2" and so on when that was set aside before. Replaces nothing. */
static lm_status move_aside(const char *path, lm_text *to, lm_error *err) {
    struct stat info;
    lm_text_printf(to, "%s" ASIDE, path);
    for (int i = 2; lstat(lm_text_cstr(to), &info) == 0; i++) {
        to->length = 0;
        lm_text_printf(to, "%s" ASIDE "%d", path, i);
    }
    if (to->failed) return lm_error_no_memory(err, path);
    if (rename(path, lm_text_cstr(to)) == 0) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot rename it to %s: %s", path,
                        lm_text_cstr(to), lm_error_errno(errno));
}

lm_status lm_checkpoint_set_aside(const char *directory, int64_t step, lm_text *moved,
                                  lm_error *err) {
    lm_file_list list;
    bool any = false;
    lm_status status = lm_file_list_directory(&list, directory, err);
    for (size_t i = 0; status == LM_OK && i < list.count; i++) {
        if (step_of(list.names[i], SUFFIX) <= step) continue;
        char *path = lm_file_join(directory, list.names[i]);
        lm_text to = {0};
        status = path ? move_aside(path, &to, err) : lm_error_no_memory(err, directory);
        if (status == LM_OK) lm_text_say(moved, "%s\n", lm_text_cstr(&to));
        lm_text_free(&to);
        any = true;
        free(path);
    }
    if (any && status == LM_OK) status = lm_file_sync_directory(directory, err);
    lm_file_list_free(&list);
    return status;
}

/* ---- retention --------------------------------------------------------------------------------*/

/* A checkpoint up to the newest, in rising order of steps. */
typedef struct lm_checkpoint_loss {
    int64_t step;
    double loss;
    bool kept;
} candidate;

void lm_checkpoint_losses_free(lm_checkpoint_losses *l) {
    free(l->list);
    *l = (lm_checkpoint_losses){0};
}

/* NaN when the checkpoint cannot be read: then there is no reason to keep it. */
static double read_loss(const char *directory, int64_t step, const lm_checkpoint_retention *keep) {
    lm_error err;
    lm_checkpoint *c = NULL;
    char *path = lm_checkpoint_path(directory, step);
    double loss = NAN;
    if (path && lm_checkpoint_open(&c, path, &err) == LM_OK)
        loss = keep->loss(lm_checkpoint_meta(c));
    lm_checkpoint_close(c);
    free(path);
    return loss;
}

/* The loss of a checkpoint, from `known` or its file. The newest is always read, since it may have
 * been written again. *at moves along known->list; calls come with rising steps. */
static double loss_of(const char *directory, int64_t step, const lm_checkpoint_retention *keep,
                      size_t *at) {
    const lm_checkpoint_losses *known = keep->known;
    if (keep->keep_best == 0) return NAN;
    while (*at < known->count && known->list[*at].step < step) ++*at;
    bool is_known = *at < known->count && known->list[*at].step == step && step != keep->newest;
    return is_known ? known->list[*at].loss : read_loss(directory, step, keep);
}

/* Marks the n_best lowest losses; of equal ones only the first. */
static void keep_best(candidate *list, size_t n, int64_t n_best) {
    double above = -INFINITY; /* losses up to here are done */
    for (int64_t k = 0; k < n_best; k++) {
        candidate *best = NULL;
        for (size_t i = 0; i < n; i++)
            if (list[i].loss > above && (!best || list[i].loss < best->loss)) best = &list[i];
        if (!best) return;
        best->kept = true;
        above = best->loss;
    }
}

static void choose(candidate *list, size_t n, const lm_checkpoint_retention *keep) {
    for (size_t i = 0; i < n; i++)
        list[i].kept = n - i <= (size_t)keep->keep_last ||
                       (keep->keep_every > 0 && list[i].step % keep->keep_every == 0) ||
                       (keep->keep_step > 0 && list[i].step == keep->keep_step);
    keep_best(list, n, keep->keep_best);
}

/* Lists the checkpoints up to the newest. */
static lm_status list_candidates(const char *directory, const lm_file_list *names,
                                 const lm_checkpoint_retention *keep, candidate **list, size_t *n,
                                 lm_error *err) {
    size_t at = 0;
    *n = 0;
    *list = calloc(names->count + 1, sizeof **list);
    if (!*list) return lm_error_no_memory(err, directory);
    for (size_t i = 0; i < names->count; i++) {
        int64_t step = step_of(names->names[i], SUFFIX);
        if (step < 0 || step > keep->newest) continue;
        (*list)[*n] = (candidate){.step = step, .loss = loss_of(directory, step, keep, &at)};
        ++*n;
    }
    return LM_OK;
}

/* known becomes the list, without those that are not kept. */
static void remember(lm_checkpoint_losses *known, candidate *list, size_t n) {
    free(known->list);
    *known = (lm_checkpoint_losses){.list = list};
    for (size_t i = 0; i < n; i++)
        if (list[i].kept) list[known->count++] = list[i];
}

/* *status and *err keep the first failure. One file that cannot be removed must not stop the rest
 * from being removed: the disk would fill. */
static void remove_one(const char *directory, const char *name, lm_status *status, lm_error *err) {
    lm_error aside;
    lm_error *e = *status == LM_OK ? err : &aside;
    char *path = lm_file_join(directory, name);
    lm_status removed = path ? lm_file_remove(path, e) : lm_error_no_memory(e, directory);
    if (*status == LM_OK) *status = removed;
    free(path);
}

lm_status lm_checkpoint_retain(const char *directory, const lm_checkpoint_retention *keep,
                               lm_error *err) {
    lm_file_list names;
    candidate *all = NULL;
    size_t n = 0, at = 0;
    LM_ASSERT(keep->keep_last >= 1);
    lm_status status = lm_file_list_directory(&names, directory, err);
    if (status != LM_OK) return status;
    if ((status = list_candidates(directory, &names, keep, &all, &n, err)) != LM_OK) goto out;
    /* The newest is not there: delete nothing. */
    if (n == 0 || all[n - 1].step != keep->newest) goto out;
    choose(all, n, keep);
    for (size_t i = 0; i < names.count; i++) {
        int64_t step = step_of(names.names[i], SUFFIX);
        bool listed = step >= 0 && step <= keep->newest;
        if (listed ? all[at++].kept : !is_half(names.names[i])) continue;
        remove_one(directory, names.names[i], &status, err);
    }
    if (keep->keep_best > 0) {
        remember(keep->known, all, n);
        all = NULL;
    }
out:
    free(all);
    lm_file_list_free(&names);
    return status;
}

lm_status lm_checkpoint_remove_temporaries(const char *directory, lm_error *err) {
    lm_file_list list;
    lm_status status = lm_file_list_directory(&list, directory, err);
    for (size_t i = 0; i < list.count; i++)
        if (is_half(list.names[i])) remove_one(directory, list.names[i], &status, err);
    lm_file_list_free(&list);
    return status;
}

uint64_t lm_checkpoint_bytes(const char *directory) {
    lm_file_list list;
    lm_error err;
    uint64_t sum = 0;
    if (lm_file_list_directory(&list, directory, &err) != LM_OK) return 0;
    for (size_t i = 0; i < list.count; i++) {
        const char *name = list.names[i];
        if (step_of(name, SUFFIX) < 0 && !is_half(name)) continue;
        char *path = lm_file_join(directory, list.names[i]);
        if (path) sum += lm_file_size(path);
        free(path);
    }
    lm_file_list_free(&list);
    return sum;
}
