using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Text;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Text;

/// <summary>Texts of different lengths as batches and back.</summary>
public sealed class TokenBatchesTests : IDisposable
{
    private static readonly Asker Me = Asker.Of(typeof(TokenDivergenceLoss));
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void What_is_made_of_texts_gives_them_back()
    {
        long[][] texts =
        [
            [5, 6, 7, 0],
            [3],
            [1, 0],
        ];
        int[] prompts = [2, 1, 1];
        var batch = TokenBatches.Of(texts, prompts, [4, 2, 9]);
        Assert.Equal([3, 4], batch.Input.shape);
        Assert.Equal([4L, 2, 9], batch.Indices.data<long>().ToArray());
        var target = (TokenTarget)batch.Target;
        Assert.Equal(new[] { false, true, true, false }, target.Mask[0].data<bool>().ToArray());
        Assert.Equal([7, 0], target.Ids[0].masked_select(target.Mask[0]).data<long>().ToArray());
        Assert.False(target.Mask[1].any().item<bool>());
        var (found, given) = TokenBatches.Read(batch, Me);
        Assert.Equal(texts, found);
        Assert.Equal(prompts, given);
    }

    [Fact]
    public void Texts_that_are_filled_up_on_the_left_or_empty_are_refused()
    {
        var ids = ones([1, 3], ScalarType.Int64);
        foreach (
            var mask in (bool[][])
                [
                    [false, true, true],
                    [false, false, false],
                ]
        )
        {
            var batch = new Batch(
                ids,
                tensor(mask).view(1, 3),
                new TokenTarget(ids, ones([1, 3], ScalarType.Bool)),
                arange(1),
                null
            );
            Assert.Same(CoreErrors.ShapesDiffer, Assert.Throws<KdException>(() => TokenBatches.Read(batch, Me)).Code);
        }
        var labels = new Batch(ids, new ClassIndexTarget(zeros([1], ScalarType.Int64)), arange(1));
        Assert.Same(CoreErrors.TargetKind, Assert.Throws<KdException>(() => TokenBatches.Read(labels, Me)).Code);
        Assert.Throws<ArgumentException>(() =>
            TokenBatches.Of(
                [
                    [1],
                ],
                [2],
                [0]
            )
        );
        Assert.Throws<ArgumentException>(() =>
            TokenBatches.Of(
                [
                    [],
                ],
                [0],
                [0]
            )
        );
    }
}
