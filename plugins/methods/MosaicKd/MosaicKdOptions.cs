using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.MosaicKd;

/// <summary>How the losses of an image's patches become one number.</summary>
public enum PatchReduction
{
    /// <summary>Their sum, as published: images with more patches weigh more.</summary>
    Sum,

    /// <summary>Their mean; the weight <c>local</c> is then the factor.</summary>
    Mean,
}

/// <summary>
/// The options of <c>mosaic-kd</c>. Length and schedule, of all three networks, and the student's optimiser are the recipe's; so are
/// the student's losses.
/// </summary>
public sealed record MosaicKdOptions
{
    /// <summary>The role that teaches; its weights do not change.</summary>
    /// <value>A role; default <c>teacher</c>.</value>
    [Required, MinLength(1)]
    public string Teacher { get; init; } = Roles.Teacher;

    /// <summary>The role that learns, and the run's result. All networks see images as this role's views make them.</summary>
    /// <value>A role; default <c>student</c>.</value>
    [Required, MinLength(1)]
    public string Student { get; init; } = Roles.Student;

    /// <summary>The generator of the recipe that mosaics images; it needs a latent vector.</summary>
    /// <value>A name under "generators"; default <c>main</c>.</value>
    [Required, MinLength(1)]
    public string Generator { get; init; } = "main";

    /// <summary>The source of out-of-domain images; what it says of their classes is not used.</summary>
    /// <value>A name under "sources"; default <c>ood</c>.</value>
    [Required, MinLength(1)]
    public string Source { get; init; } = "ood";

    /// <summary>
    /// How many of these images are used: those with the highest entropy of the teacher's answer, so that none is of its own domain
    /// by accident. 0 for all.
    /// </summary>
    /// <value>0 to 100,000,000; default 0.</value>
    [Range(0, 100_000_000)]
    public int Keep { get; init; }

    /// <summary>Steps of an epoch; 0 for a pass over the out-of-domain images.</summary>
    /// <value>0 to 1,000,000; default 0.</value>
    [Range(0, 1_000_000)]
    public int StepsPerEpoch { get; init; }

    /// <summary>Updates of the student per update of generator and discriminator.</summary>
    /// <value>1 to 100; default 5.</value>
    [Range(1, 100)]
    public int InnerSteps { get; init; } = 5;

    /// <summary>Weight of L_adv: the generator looks for images on which student and teacher differ.</summary>
    /// <value>0 to 1000; default 1.</value>
    [Range(0.0, 1000.0)]
    public double Adversarial { get; init; } = 1;

    /// <summary>Weight of L_align: the teacher is to be certain of the images.</summary>
    /// <value>0 to 1000; default 1.</value>
    [Range(0.0, 1000.0)]
    public double Align { get; init; } = 1;

    /// <summary>Weight of the patches' losses, the generator's and the discriminator's. With 0 there is no discriminator.</summary>
    /// <value>0 to 100,000; default 1.</value>
    [Range(0.0, 100_000.0)]
    public double Local { get; init; } = 1;

    /// <summary>Weight of L_bal: all classes are to come alike.</summary>
    /// <value>0 to 1000; default 10.</value>
    [Range(0.0, 1000.0)]
    public double Balance { get; init; } = 10;

    /// <summary>How the losses of an image's patches become one number.</summary>
    /// <value><c>sum</c> (default, as published) or <c>mean</c>.</value>
    public PatchReduction Patches { get; init; } = PatchReduction.Sum;

    /// <summary>Whether the student learns on out-of-domain images beside generated ones.</summary>
    /// <value>Default true. With false and <see cref="Local"/> 0 the method is an adversarial data-free one.</value>
    public bool OutOfDomainBatch { get; init; } = true;

    /// <summary>Learning rate of the generator (Adam, 0.5 and 0.999, the recipe's schedule).</summary>
    /// <value>Above 0 to 1; default 0.001.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double GeneratorRate { get; init; } = 1e-3;

    /// <summary>Learning rate of the discriminator (Adam, 0.5 and 0.999, the recipe's schedule).</summary>
    /// <value>Above 0 to 1; default 0.001.</value>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double DiscriminatorRate { get; init; } = 1e-3;

    /// <summary>Convolutions of stride 2 of the discriminator: 2 for images of 32 pixels a side or so, more for larger ones.</summary>
    /// <value>2 to 4; default 2.</value>
    [Range(2, 4)]
    public int DiscriminatorSteps { get; init; } = 2;

    /// <summary>Channels of the discriminator's first map; each further one has twice as many.</summary>
    /// <value>0 to 1024; default 0: 128 with two steps, 64 with more, as published.</value>
    [Range(0, 1024)]
    public int DiscriminatorWidth { get; init; }

    /// <summary>Of the patches' answers every so many rows and columns are kept.</summary>
    /// <value>1 to 64; default 1.</value>
    [Range(1, 64)]
    public int OutputStride { get; init; } = 1;
}
