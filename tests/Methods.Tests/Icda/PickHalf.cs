using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

/// <summary>
/// Keeps the half of a batch that the teacher is least sure of, in another order: what augmentations that pick samples do.
/// </summary>
[KdAugmentation("test-pick-half")]
public sealed class PickHalf : Augmentation<NoOptions>
{
    public override IReadOnlyCollection<string> Consults => [Roles.Teacher];

    public override Batch Apply(Batch batch, IPartContext context)
    {
        var logits = context.Consult(Roles.Teacher, batch, []).Logits;
        var surest = logits.softmax(1).max(1).values;
        return batch.Select(surest.argsort(0).narrow(0, 0, batch.Count / 2));
    }
}
