namespace KdPlugins.SpeculativeKd

open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// What the student learns on.
type TrainingMode =
    /// Texts that the student proposes and the teacher corrects: the method.
    | Speculative = 0

    /// The data's texts.
    | Supervised = 1

    /// The data's texts, by those losses of the recipe alone that need no teacher (cross-entropy).
    | SeqKd = 2

    /// The student's own texts (GKD).
    | OnPolicy = 3

    /// For each text a coin: the student's own, or the data's (ImitKD).
    | Mixed = 4

    /// The data's texts first, then the student's own.
    | MixedTrain = 5

    /// For each text a coin: a speculative one, or the data's.
    | MixedSkd = 6

/// Which proposals the teacher keeps.
type AcceptanceRule =
    /// Those among its K likeliest tokens.
    | TopK = 0

    /// Its likeliest token, and those up to which its probabilities sum to less than a mass.
    | BelowMass = 1

/// Which token the rule is asked about.
type TestedToken =
    /// The one that was drafted: the paper.
    | Drafted = 0

    /// Another draw from the student at that place, though the drafted one is kept: the released code.
    | SecondDraw = 1

/// By which of the teacher's scores tokens are ranked.
type RankedScores =
    /// As the teacher gives them: the paper.
    | Raw = 0

    /// After its temperature and nucleus: the released code.
    | Warped = 1

/// The options of the strategy "speculative-kd".
[<Sealed; AllowNullLiteral>]
type SpeculativeKdOptions() =

    /// The role that teaches; its weights do not change. Default: teacher.
    [<Required; MinLength(1)>]
    member val Teacher = Roles.Teacher with get, set

    /// The role that learns, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// What the student learns on: speculative (the method), supervised, seq-kd, on-policy, mixed, mixed-train or mixed-skd. Default:
    /// speculative.
    member val Mode = TrainingMode.Speculative with get, set

    /// The share of texts that are not the data's, of mixed and mixed-skd; of steps on the data's texts, of mixed-train. 0 to 1; default
    /// 0.5.
    [<Range(0.0, 1.0)>]
    member val Ratio = 0.5 with get, set

    /// Which proposals the teacher keeps: top-k or below-mass. Default: top-k.
    member val Accept = AcceptanceRule.TopK with get, set

    /// K: a proposal is kept that is among so many likeliest tokens. 0 (none) to 10,000,000 (from the vocabulary on: all); default 25.
    [<Range(0, 10_000_000)>]
    member val K = 25 with get, set

    /// P, of below-mass. 0 to 1; default 0.9.
    [<Range(0.0, 1.0)>]
    member val Mass = 0.9 with get, set

    /// E: K falls by max(ceil(K / E), 1) after every max(floor(E / K), 1) drafts of a text, to 1 at least. 0 (K stays) to 1,000,000;
    /// default 0.
    [<Range(0, 1_000_000)>]
    member val ExpectedLength = 0 with get, set

    /// gamma: tokens that the student proposes before the teacher looks. 1 to 1024; default 5.
    [<Range(1, 1024)>]
    member val Draft = 5 with get, set

    /// The most tokens of an answer. 1 to 1,000,000; default 128.
    [<Range(1, 1_000_000)>]
    member val MaxNewTokens = 128 with get, set

    /// What the student's logits are divided by where it writes; 0 for its likeliest token. 0 to 100; default 0.5.
    [<Range(0.0, 100.0)>]
    member val StudentTemperature = 0.5 with get, set

    /// The nucleus that the student writes from: its likeliest tokens, until they have this mass. Above 0 to 1; default 0.5.
    [<Range(0.0, 1.0, MinimumIsExclusive = true)>]
    member val StudentTopP = 0.5 with get, set

    /// The same for the teacher's replacements. 0 to 100; default 0.2.
    [<Range(0.0, 100.0)>]
    member val TeacherTemperature = 0.2 with get, set

    /// The same for the teacher's replacements. Above 0 to 1; default 0.5.
    [<Range(0.0, 1.0, MinimumIsExclusive = true)>]
    member val TeacherTopP = 0.5 with get, set

    /// Which token the rule is asked about: drafted, or second-draw as the released code. Default: drafted.
    member val Tested = TestedToken.Drafted with get, set

    /// By what tokens are ranked: raw, or warped as the released code. Default: raw.
    member val Ranked = RankedScores.Raw with get, set
