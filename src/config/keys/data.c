#include "config/keys/rows.h"

bool lm_config_validates(const lm_config *c) {
    return c->data.val.count > 0;
}

static bool shuffles(const lm_config *c) {
    return c->data.shuffle;
}

/* clang-format off */
static const lm_key keys[] = {
    {"data.train", SOURCES(data.train, true), REQUIRED, IS_DATA,
     .help = "Training tokens: a shard, a directory of shards, or a pattern. A list is a mixture: "
             "of 65,536 windows each source gives its weight's share, rounded and spread evenly, "
             "in epochs of its own; \"name\" is what metrics call it, else its path. A resumed "
             "run may find them under other paths, but they must be the same."},
    {"data.val", SOURCES(data.val, false), IS_DATA,
     .help = "Validation tokens: likewise. Empty: no validation. Several sets have names: the loss "
             "of each is val_loss.NAME; val_loss, by which checkpoint.keep_best goes, is that of "
             "the first set."},
    {"data.tokenizer", PATH(data.tokenizer),
     .help = "Name of the tokenizer or path of its file (tokenizer.json, nanoGPT's meta.pkl, a GGUF"
             " model, ...). Empty: what the manifest of data.train says."},
    {"data.token_bytes", INTEGER(data.token_bytes, 0, 4, "0"),
     .help = "Bytes per token of raw shards without a manifest: 2 or 4. 0: 2 for vocabularies up to"
             " 65,536, else 4. Files that look like the other width are refused, unless it is"
             " given."},
    {"data.continue", BOOLEAN(data.go_on, "false"), NEUTRAL,
     .help = "A resumed run may find other training data than it had (more shards, other "
             "weights): it keeps weights, optimizer and schedule, and begins with the new data at "
             "epoch 0. false: that is an error."},
    {"data.offsets", BOOLEAN(data.offsets, "true"), LEGACY("false"), WHEN(shuffles, "data.shuffle"),
     .help = "The windows of each epoch begin elsewhere, so that no two epochs have the same ones; "
             "each epoch has as many. false: each epoch has the windows of the first."},
    {"data.skip", STRING(data.skip), MAY_CHANGE,
     .help = "Windows of data.train that the run passes over: numbers and ranges, such as "
             "\"96-111,4000\". Windows are numbered from 0 on in the order in which the run takes "
             "them, through all epochs and sources: the numbers that metrics.jsonl names where "
             "train.max_skips or train.rewind passed over some. The windows behind them move up."},
    {"data.shuffle", BOOLEAN(data.shuffle, "true"),
     .help = "Windows come in a new order in each epoch. false: in file order."},
};
/* clang-format on */
SECTION(data);
