/* Inside the room: what was found out about shards that no manifest vouches for, kept for all runs
 * of this user in $XDG_CACHE_HOME/lmtrain/ (~/.cache/lmtrain/). A record is of one file in one
 * state: device, inode, size and times. */
#ifndef LM_DATA_REMEMBERED_H
#define LM_DATA_REMEMBERED_H

#include "data/shard.h"

/* What reading all of a shard says. */
typedef struct lm_finding {
    uint64_t digest;  /* of the file's bytes */
    uint32_t largest; /* of its ids; UINT32_MAX: some id is not one that lmtrain can take */
} lm_finding;

/* False when nothing is known of the file as it is now. A record that cannot be read is none. */
bool lm_remembered_find(const lm_shard *s, lm_finding *f);
/* Keeps a finding; a failure to do so is no error, and *why says it ("" otherwise). A file that
 * was changed within the last two seconds is not kept: a later change might bear the same time. */
void lm_remembered_keep(const lm_shard *s, const lm_finding *f, lm_error *why);

#endif
