using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.AugKd;

/// <summary>How the share of the student's domain grows over the epochs of the third stage.</summary>
public enum MixSchedule
{
    /// <summary>A little in every epoch.</summary>
    Linear,

    /// <summary>In ten steps.</summary>
    Step,
}

/// <summary>How uncertain a teacher is, by its logits.</summary>
public enum Uncertainty
{
    /// <summary>Minus log-sum-exp of the logits.</summary>
    Energy,

    /// <summary>One minus the largest probability.</summary>
    MaxSoftmax,
}

/// <summary>What the anchor net's masks are held to.</summary>
public enum MaskPenalty
{
    /// <summary>Each sample's mask to the part of the latent vector that may change.</summary>
    PerSample,

    /// <summary>The sum of all masks of a batch to that of one sample, as in the published code.</summary>
    BatchSum,
}

/// <summary>How the anchor loss of a batch comes from its samples.</summary>
public enum AnchorReduction
{
    /// <summary>The sum, as in the published code.</summary>
    Sum,

    /// <summary>The mean.</summary>
    Mean,
}

/// <summary>How far a run goes.</summary>
public enum LastStage
{
    /// <summary>Only the data-free stage: the student has seen generated images alone.</summary>
    DataFree,

    /// <summary>Anchors are learned too; the student stays as the data-free stage left it.</summary>
    Anchor,

    /// <summary>All three stages.</summary>
    Mixup,
}

/// <summary>The options of <c>aug-kd</c>. Length, optimiser and schedule of the third stage are the recipe's.</summary>
public sealed record AugKdOptions
{
    /// <summary>The role whose network knows the other domain; its weights do not change.</summary>
    /// <value>A role; default <c>teacher</c>.</value>
    [Required, MinLength(1)]
    public string Teacher { get; init; } = Roles.Teacher;

    /// <summary>The role that learns, and the run's result.</summary>
    /// <value>A role; default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Roles.Student;

    /// <summary>The generator of the recipe that makes the teacher domain's images; it needs a latent vector.</summary>
    /// <value>A name under "generators"; default <c>main</c>.</value>
    [Required, MinLength(1)]
    public string Generator { get; init; } = "main";

    /// <summary>Epochs of the data-free stage (g_epoch).</summary>
    /// <value>0 to 100,000; default 200.</value>
    [Range(0, 100_000)]
    public int GeneratorEpochs { get; init; } = 200;

    /// <summary>Steps of an epoch of the data-free stage, which has no data to count by.</summary>
    /// <value>1 to 100,000; default 200.</value>
    [Range(1, 100_000)]
    public int StepsPerEpoch { get; init; } = 200;

    /// <summary>Updates of student and encoder, each, per update of the generator.</summary>
    /// <value>1 to 100; default 5.</value>
    [Range(1, 100)]
    public int InnerSteps { get; init; } = 5;

    /// <summary>Learning rate of the generator (Adam, cosine over the data-free stage).</summary>
    /// <value>Above 0 to 1; default 0.001.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double GeneratorRate { get; init; } = 1e-3;

    /// <summary>Learning rate of the encoder (Adam, constant).</summary>
    /// <value>Above 0 to 1; default 0.0001.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double EncoderRate { get; init; } = 1e-4;

    /// <summary>Learning rate of the student in the data-free stage (Adam, weight decay 1e-4, cosine).</summary>
    /// <value>Above 0 to 1; default 0.001.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double WarmUpRate { get; init; } = 1e-3;

    /// <summary>Weight of the generator loss's diversity term, the negative entropy of the batch's mean answer.</summary>
    /// <value>0 to 1000; default 20.</value>
    [Range(0.0, 1000.0)]
    public double Diversity { get; init; } = 20;

    /// <summary>
    /// Weight of the generator loss's term that compares what goes into the teacher's batch norms with their running
    /// statistics. A teacher without batch norms needs 0.
    /// </summary>
    /// <value>0 to 1000; default 1.</value>
    [Range(0.0, 1000.0)]
    public double Norms { get; init; } = 1;

    /// <summary>Channels of the encoder's first map; the next two have two and four times as many.</summary>
    /// <value>1 to 1024; default 64.</value>
    [Range(1, 1024)]
    public int EncoderWidth { get; init; } = 64;

    /// <summary>Whether the encoder's latent vectors are drawn (in every use, as published) or its means.</summary>
    /// <value>Default true.</value>
    public bool SampleLatent { get; init; } = true;

    /// <summary>Whether anchors are learned; without, an image's own latent vector is its anchor (the paper's ablation).</summary>
    /// <value>Default true.</value>
    public bool Anchors { get; init; } = true;

    /// <summary>Epochs of the anchor stage over the labelled set (a_epoch).</summary>
    /// <value>0 to 100,000; default 200.</value>
    [Range(0, 100_000)]
    public int AnchorEpochs { get; init; } = 200;

    /// <summary>Learning rate of the anchor net (Adam, cosine).</summary>
    /// <value>Above 0 to 1; default 0.001.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double AnchorRate { get; init; } = 1e-3;

    /// <summary>What is minimised to find the teacher's domain.</summary>
    /// <value><c>energy</c> (default) or <c>max-softmax</c>.</value>
    public Uncertainty Uncertainty { get; init; } = Uncertainty.Energy;

    /// <summary>The part of the latent vector that is to stay as it is (lambda_inv).</summary>
    /// <value>0 to 1; default 0.25. Masks stay below 1/3, so parts below 2/3 press every mask to its largest.</value>
    [Range(0.0, 1.0)]
    public double Invariant { get; init; } = 0.25;

    /// <summary>What the masks are held to.</summary>
    /// <value><c>per-sample</c> (default, what the method means) or <c>batch-sum</c> (the published code).</value>
    public MaskPenalty MaskPenalty { get; init; } = MaskPenalty.PerSample;

    /// <summary>How the anchor loss of a batch comes from its samples.</summary>
    /// <value><c>sum</c> (default, as published) or <c>mean</c>. Adam hardly tells them apart.</value>
    public AnchorReduction AnchorReduction { get; init; } = AnchorReduction.Sum;

    /// <summary>The share of the third stage after which images are the student domain's own (a).</summary>
    /// <value>Above 0 to 1; default 0.6.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double A { get; init; } = 0.6;

    /// <summary>The student domain's share in the first epoch of the third stage (b).</summary>
    /// <value>0 to 1; default 0.2. With 1 nothing is mixed: plain distillation on the labelled set.</value>
    [Range(0.0, 1.0)]
    public double B { get; init; } = 0.2;

    /// <summary>How the share grows.</summary>
    /// <value><c>linear</c> (default) or <c>step</c>.</value>
    public MixSchedule Schedule { get; init; } = MixSchedule.Linear;

    /// <summary>The last stage that is done; for measuring what each stage brings.</summary>
    /// <value><c>data-free</c>, <c>anchor</c> or <c>mixup</c> (default).</value>
    public LastStage Through { get; init; } = LastStage.Mixup;

    /// <summary>The published code's third stage: the student's own outputs stand where the teacher's belong.</summary>
    /// <value>Default false.</value>
    public bool SelfTarget { get; init; }

    /// <summary>The published code's third stage: the real half of a batch goes in without the roles' views (not normalised).</summary>
    /// <value>Default false.</value>
    public bool RawRealHalf { get; init; }

    /// <summary>
    /// The published code's schedules, stepped per batch: the anchor net's cosine goes up and down every
    /// <see cref="AnchorEpochs"/> batches, and the first five batches of the third stage have a third of the rate.
    /// </summary>
    /// <value>Default false: cosine over the anchor stage, the recipe's schedule in the third.</value>
    public bool PublishedSchedules { get; init; }
}
