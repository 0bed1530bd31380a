#include "config/keys/rows.h"
#include "optim/polar.h"

#define USES(option, bit)                                         \
    static bool uses_##option(const lm_config *c) {               \
        return (lm_optimizer_uses(c->optimizer.kind) & bit) != 0; \
    }
USES(beta1, LM_USES_BETA1)
USES(beta2, LM_USES_BETA2)
USES(eps, LM_USES_EPS)
USES(momentum, LM_USES_MOMENTUM)
USES(weight_decay, LM_USES_WEIGHT_DECAY)
USES(nesterov, LM_USES_NESTEROV)
USES(beta2_tokens, LM_USES_BETA2_TOKENS)
USES(slow, LM_USES_SLOW)
static bool reads_beta2(const lm_config *c) {
    return uses_beta2(c) && !(uses_beta2_tokens(c) && c->optimizer.beta2_tokens > 0);
}
USES(polar, LM_USES_POLAR)
USES(lazy, LM_USES_LAZY)
static bool reads_beta1(const lm_config *c) {
    return uses_beta1(c) && !(uses_lazy(c) && c->optimizer.lazy);
}

/* clang-format off */
static const lm_key keys[] = {
    {"optimizer.name", CHOICE(optimizer.kind, lm_optimizer_name, "adamw"), IN_GROUPS,
     .help = "How gradients update the weights (momentum: Polyak 1964; "
             "adam: Kingma & Ba 2015; adamw: Loshchilov & Hutter 2019; lion: Chen et al. 2023; "
             "ademamix: Pagliardini et al. 2024; schedule_free: Defazio et al. 2024, whose average "
             "of the weights is what is evaluated; muon: Jordan et al. 2024, for the matrices of "
             "layers, adamw for the rest)."},
    {"optimizer.lr", POSITIVE(optimizer.lr, 1e6, "0.001"), MAY_CHANGE, IN_GROUPS,
     .help = "Learning rate at the top of the schedule."},
    {"optimizer.beta1", REAL(optimizer.beta1, 0, 0.9999999, "0.9"), MAY_CHANGE, IN_GROUPS,
     WHEN(reads_beta1, "optimizer.name"), AND_WHEN("optimizer.lazy"),
     .help = "Decay of the first moment; in lion of what the sign is taken of; in schedule_free "
             "the share of the average in the weights at which gradients are taken."},
    {"optimizer.beta2", REAL(optimizer.beta2, 0, 0.9999999, "0.99"), MAY_CHANGE, IN_GROUPS,
     WHEN(reads_beta2, "optimizer.name"), AND_WHEN("optimizer.beta2_tokens"),
     .help = "Decay of the second moment; in lion of the moment."},
    {"optimizer.beta2_tokens", REAL(optimizer.beta2_tokens, 0, 1e18, "0"), MAY_CHANGE, IN_GROUPS,
     TRY("5000"), WHEN(uses_beta2_tokens, "optimizer.name"),
     .help = "Half-life of the second moment in tokens, instead of beta2, which becomes "
             "0.5^(tokens of the step / this) (Marek et al. 2025: 10 million, for any batch). "
             "0: beta2."},
    {"optimizer.eps", REAL(optimizer.eps, TINY, 1, "1e-08"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_eps, "optimizer.name"), .help = "Added to the root of the second moment."},
    {"optimizer.momentum", REAL(optimizer.momentum, 0, 0.9999999, "0.9"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_momentum, "optimizer.name"),
     .help = "Share of the sum of past gradients that a step keeps: v <- momentum v + g, "
             "w <- w - lr v. muon: of the mean of past gradients, 0.95 unless given."},
    {"optimizer.weight_decay", REAL(optimizer.weight_decay, 0, 1e6, "0.1"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_weight_decay, "optimizer.name"),
     .help = "Each step shrinks every array of two dimensions (matrices, embeddings, the head) by "
             "this share times the learning rate; norms and biases stay. Given in a group: all "
             "rows of the group."},
    {"optimizer.cautious", BOOLEAN(optimizer.cautious, "false"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_weight_decay, "optimizer.name"),
     .help = "Weight decay leaves out the elements that the update does not move towards 0 (Chen "
             "et al. 2025)."},
    {"optimizer.lazy", BOOLEAN(optimizer.lazy, "false"), IN_GROUPS,
     WHEN(uses_lazy, "optimizer.name"),
     .help = "Weights whose gradient is exactly 0 in a step, such as rows of tables that no token "
             "looks up, stay as they are, moments and decay included, and there is no first "
             "moment. The corrections count all steps. N-gram tables that no group matches are "
             "updated so by adamw, without weight decay, whatever the optimizer. When all tables "
             "are, train.ema reaches in a step only the rows that the step does: the average that "
             "it keeps of the others moves towards them all the same. What passes over all "
             "weights takes in all rows: log.digest_every in its steps, evaluations of an "
             "average, checkpoints."},
    {"optimizer.nesterov", BOOLEAN(optimizer.nesterov, "false"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_nesterov, "optimizer.name"),
     .help = "Nesterov's momentum: w <- w - lr (g + momentum v) (Sutskever et al. 2013)."},
    {"optimizer.beta3", REAL(optimizer.beta3, 0, 0.9999999, "0.9999"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_slow, "optimizer.name"),
     .help = "Decay of the slow moment (Pagliardini et al. 2024), to which it rises from beta1."},
    {"optimizer.alpha", REAL(optimizer.alpha, 0, 1000, "5"), MAY_CHANGE, IN_GROUPS,
     WHEN(uses_slow, "optimizer.name"),
     .help = "Weight of the slow moment beside the other, to which it rises from 0 (Pagliardini et "
             "al. 2024: 4 to 10)."},
    {"optimizer.alpha_steps", INTEGER(optimizer.alpha_steps, 0, STEPS_MOST, "0"), MAY_CHANGE,
     IN_GROUPS, WHEN(uses_slow, "optimizer.name"),
     .help = "Steps in which alpha and beta3 rise. 0: train.steps."},
    {"optimizer.polar", CHOICE(optimizer.polar, lm_polar_name, "polar_express"), MAY_CHANGE,
     IN_GROUPS, WHEN(uses_polar, "optimizer.name"),
     .help = "The iteration for the polar factor of a matrix of momenta (polar_express: Amsel et "
             "al. 2025; newton_schulz: Jordan et al. 2024)."},
    {"optimizer.scale", CHOICE(optimizer.scale, lm_matrix_scale_name, "match_rms"), MAY_CHANGE,
     IN_GROUPS, WHEN(uses_polar, "optimizer.name"),
     .help = "Size of the update of a matrix [out, in] (match_rms: 0.2 sqrt(max(out, in)), as "
             "large as AdamW's, so that its lr and weight_decay fit; spectral: sqrt(out / in), one "
             "lr for all widths; aspect: sqrt(max(1, out / in)))."},
    {"optimizer.per_head", BOOLEAN(optimizer.per_head, "true"),
     WHEN(uses_polar, "optimizer.name"),
     .help = "Each head of queries and keys is a matrix of its own."},
    {"optimizer.line_beta2", REAL(optimizer.line_beta2, 0, 0.9999999, "0.9"), MAY_CHANGE,
     IN_GROUPS, WHEN(uses_polar, "optimizer.name"),
     .help = "Decay of the mean square that each neuron's update is divided by (NorMuon: Li et al. "
             "2025); 0: updates are not evened out."},
    {"optimizer.groups", GROUPS(groups), MAY_CHANGE,
     .help = "Parameters with values of their own: {\"embed\": {\"match\": \"wte.*\", "
             "\"lr\": 0.01}}. `match`: names of arrays, * for any characters, several separated "
             "by commas; queries are h.*.attn.qkv.q.weight (keys k, values v), a head "
             "h.*.attn.qkv.q.0.weight. The first group that matches an array has it. lr replaces "
             "optimizer.lr, `lr_scale` multiplies it, and the schedule applies to both. Other "
             "keys as they are called in optimizer. --set optimizer.groups.embed.lr=0.02 changes "
             "one value."},
};
/* clang-format on */
SECTION(optimizer);
