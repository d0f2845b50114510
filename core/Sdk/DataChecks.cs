using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>What plugins refuse alike of data sets, batches and plans; every failure names who asked.</summary>
public static class DataChecks
{
    /// <summary>Refuses what cannot become a small set of images with the classes of the data.</summary>
    /// <param name="asker">The strategy that makes one.</param>
    /// <param name="data">What the data set holds.</param>
    /// <param name="labels">Where the student's targets are to come from.</param>
    /// <param name="remedy">What to do where labels are to be there already; null to name the other modes.</param>
    /// <exception cref="KdException"><c>KDP0304</c>: no classified images; <c>KDP0306</c>: labels that nobody has made.</exception>
    public static void RequireDistillable(this Asker asker, DataInfo data, LabelMode labels, string? remedy = null)
    {
        if (data.Kind != InputKind.Image || data.InputShape.Count != 3 || data.Target != TargetKind.ClassIndex)
            throw asker.Refusal(
                CoreErrors.TargetKind,
                $"needs images of classes; the data set gives {data.Kind} with {data.Target} targets.",
                "Take a data set of classified images."
            );
        if (labels == LabelMode.Stored)
            throw asker.WrongCombination(
                "has no stored labels before it has made its set.",
                remedy ?? "Set \"labels\" to dynamic, static or classes."
            );
    }

    /// <summary>Refuses labels without a number of classes, for what turns them into shares of classes.</summary>
    /// <param name="asker">Who does.</param>
    /// <param name="data">What the data set holds.</param>
    /// <exception cref="KdException"><c>KDP0306</c>.</exception>
    public static void RequireClassCount(this Asker asker, DataInfo data)
    {
        if (data.Target == TargetKind.ClassIndex && data.Classes < 1)
            throw asker.WrongCombination(
                "turns labels into shares of classes; the data set does not say how many it has."
            );
    }

    /// <summary>Batch, channels, height and width of a batch of images.</summary>
    /// <param name="asker">Who needs images.</param>
    /// <param name="batch">The batch.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: the input is no batch of images.</exception>
    public static (long Count, long Channels, long Height, long Width) RequireImages(this Asker asker, Batch batch) =>
        batch.Input.shape is [var count, var channels, var height, var width]
            ? (count, channels, height, width)
            : throw asker.WrongShape(
                $"needs images [batch, channels, height, width], got {TensorText.Describe(batch.Input)}."
            );

    /// <summary>Refuses a plan in which a teacher answers and no loss listens.</summary>
    /// <param name="asker">Whose plan it is.</param>
    /// <param name="context">The recipe's side.</param>
    /// <param name="remedy">What to do; null to name 'kd'.</param>
    /// <exception cref="KdException"><c>KDP0306</c>: no loss of the recipe looks at the teacher.</exception>
    public static void RequireTeacherLoss(this Asker asker, IPlanContext context, string? remedy = null)
    {
        if (context.TeacherLosses.Count == 0)
            throw asker.WrongCombination(
                "distils, and no loss of the recipe looks at the teacher.",
                remedy ?? "Add a loss that needs a teacher, such as 'kd'."
            );
    }

    /// <summary>The refusal of a split that a data set does not have, to be thrown.</summary>
    /// <param name="asker">The data set.</param>
    /// <param name="split">What was asked for.</param>
    /// <param name="known">The splits there are.</param>
    public static KdException NoSplit(this Asker asker, string split, IEnumerable<string> known) =>
        asker.Refusal(DataErrors.SplitMissing, $"has no split '{split}'; it has: {string.Join(", ", known)}.");

    /// <summary>The recipe's generator of a name, which has to be one of latent vectors.</summary>
    /// <param name="asker">The strategy that needs it.</param>
    /// <param name="context">Its plan.</param>
    /// <param name="name">A name under "generators".</param>
    /// <param name="use">What the strategy does: "learns latent vectors".</param>
    /// <param name="such">The id of a generator that has them.</param>
    /// <exception cref="KdException"><c>KDP0301</c>: there is none of that name; <c>KDP0306</c>: it has no latent vector.</exception>
    public static ILatentGenerator RequireLatentGenerator(
        this Asker asker,
        IPlanContext context,
        string name,
        string use,
        string such = "upsample-generator"
    ) =>
        context.Generator(name) as ILatentGenerator
        ?? throw asker.WrongCombination(
            $"{use}, and the generator '{name}' has none.",
            $"Take a generator with a latent vector, such as '{such}'."
        );

    /// <summary>Refuses numbers of samples that a split does not have.</summary>
    /// <param name="indices">What was asked for.</param>
    /// <param name="count">How many samples there are.</param>
    /// <param name="where">Of what, such as <c>split 'train' of data set 'cifar'</c>.</param>
    /// <exception cref="KdException"><c>KDP0403</c>.</exception>
    public static void RequireNumbers(ReadOnlySpan<long> indices, long count, string where)
    {
        foreach (var index in indices)
            if ((ulong)index >= (ulong)count)
                throw new KdException(
                    DataErrors.BadIndex,
                    $"Sample {index} was asked for; {where} has {count} samples, 0 to {count - 1}."
                );
    }
}
