using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>
/// CutMixes the batch several times and keeps the samples that the teacher finds hardest. The teacher's answers to the pool
/// are also its answers to what is picked: nobody who asks again in the same step makes it run twice. Its input has to be
/// what the network is to see, so it stands behind <c>normalise</c>.
/// </summary>
[KdAugmentation(
    "cut-mix-pick",
    Description = "CutMixes several times, keeps what the teacher is least sure of",
    Paper = "Wang, Lohit, Jones, Fu: What Makes a \"Good\" Data Augmentation in Knowledge Distillation, NeurIPS 2022"
)]
public sealed class CutMixPickAugmentation : Augmentation<CutMixPickOptions>
{
    private long _classes;

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Consults => Picker.Consults(Options);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0306</c>: targets of this kind cannot be mixed, or the data set does not say how many classes it has.
    /// </exception>
    public override void Bind(DataInfo data)
    {
        if (data.Kind != InputKind.Image || data.Target is TargetKind.Boxes or TargetKind.Tokens)
            throw Asker.WrongCombination(
                $"mixes images with classes, soft values, class maps or no targets; the data set gives {data.Kind} with {data.Target}."
            );
        Asker.RequireClassCount(data);
        _classes = data.Classes;
    }

    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) => inputRange;

    /// <inheritdoc/>
    /// <returns>The picked samples, by ascending worth; a batch of one sample, which has no partner, as it is.</returns>
    /// <exception cref="KdException"><c>KDP0303</c>: the input is not a batch of images.</exception>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (_, _, height, width) = Asker.RequireImages(batch);
        if (batch.Count < 2)
            return batch;
        var (boxes, partners) = Draw(context, batch.Count, height, width);
        var pool = Pool.Join([.. boxes.Zip(partners, (box, other) => Mixed(batch, box, other))], Asker);
        long kept = Math.Min(Options.Keep > 0 ? Options.Keep : batch.Count, pool.Count);
        var rows = tensor(
            GivenDraws.Integers(
                context,
                $"{Asker.Id}.picked",
                [kept],
                [(0, pool.Count - 1)],
                () => Picker.Rows(Options, pool, batch, context).cpu().data<long>().ToArray()
            )
        );
        long[] corners = [.. boxes.SelectMany(b => new[] { b.Top, b.Left, b.Bottom, b.Right })];
        return pool.Select(rows)
            .WithParameter($"{Asker.Id}.rectangles", tensor(corners).view(-1, 4))
            .WithParameter($"{Asker.Id}.partners", stack(partners))
            .WithParameter($"{Asker.Id}.picked", rows);
    }

    // x' = x outside of the rectangle, the partner's pixels inside; targets in proportion.
    private Batch Mixed(Batch batch, CutMixBox box, Tensor partners)
    {
        var share = box.Share(batch.Input.shape[2], batch.Input.shape[3]);
        var place = (box.Top, box.Left, box.Bottom, box.Right);
        return Mixing.Paste(batch, place, share, partners, _classes, Asker, unlabelled: true);
    }

    // Rectangles and partners of every round; both come from one stream per round.
    private (CutMixBox[] Boxes, Tensor[] Partners) Draw(IPartContext context, long count, long height, long width)
    {
        var (boxes, partners) = (new CutMixBox[Options.Rounds], new long[Options.Rounds][]);
        for (var r = 0; r < Options.Rounds; r++)
        {
            var random = new SeededRandom(context.Random.Derive(r).Value);
            boxes[r] = CutMix.Draw(random, height, width);
            partners[r] = CutMix.Partners(random, count).data<long>().ToArray();
        }
        var corners = GivenDraws.Integers(
            context,
            $"{Asker.Id}.rectangles",
            [Options.Rounds, 4],
            [(0, height), (0, width), (0, height), (0, width)],
            () => [.. boxes.SelectMany(b => new[] { b.Top, b.Left, b.Bottom, b.Right })]
        );
        var others = GivenDraws.Integers(
            context,
            $"{Asker.Id}.partners",
            [Options.Rounds, count],
            [(0, count - 1)],
            () => [.. partners.SelectMany(p => p)]
        );
        CutMixBox[] given = [.. corners.Chunk(4).Select(c => new CutMixBox(c[1], c[0], c[3], c[2]))];
        if (given.Any(b => b.Right < b.Left || b.Bottom < b.Top))
            throw GivenDraws.Unfit(
                $"{Asker.Id}.rectangles",
                "ends before it begins; expected top, left, bottom, right."
            );
        return (given, [.. others.Chunk((int)count).Select(p => tensor(p))]);
    }
}
