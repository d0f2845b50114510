using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.KrrSt.Tests;

public sealed class SiameseTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor U(params double[] values) => tensor(values);

    private static Tensor Images(long side = 8) => Goldens.Wave(j => (j * 0.7).sin(), 2, 3, side, side);

    [Fact]
    public void Golden_12_brightness_saturation_and_contrast()
    {
        var x = Goldens.Image();
        RidgeTests.Close(
            [.. x.flatten().data<double>().ToArray().Select(v => v - 0.25)],
            Siamese.Brightness(x, U(0.25))
        );
        RidgeTests.Close([1.5, 2.5, 3.5, 4.5, 1, 2, 3, 4, 3.5, 4.5, 5.5, 6.5], Siamese.Saturation(x, U(0.25)), 1e-12);
        RidgeTests.Close(
            [1.625, 2.375, 3.125, 3.875, 0.875, 1.625, 2.375, 3.125, 4.625, 5.375, 6.125, 6.875],
            Siamese.Contrast(x, U(0.25)),
            1e-12
        );
    }

    [Fact]
    public void Flip_mirrors_the_lower_half_of_the_draws()
    {
        var x = Images();
        var y = Siamese.Flip(x, U(0.49, 0.5));
        Assert.True(y[0].equal(x[0].flip(2)).all().item<bool>());
        Assert.True(y[1].equal(x[1]).all().item<bool>());
    }

    // An eighth of 12 pixels is 1.5, which counts as 2; of 11 it is 1.4, which counts as 1.
    [Theory]
    [InlineData(12, 2)]
    [InlineData(11, 1)]
    public void Crop_rounds_an_eighth_of_the_side(long side, int reach)
    {
        var x = arange(side * side, float64).view(1, 1, side, side) + 1;
        var y = Siamese.Crop(x, U(0.999), U(0.999));
        Assert.Equal(x[0, 0, reach, reach].item<double>(), y[0, 0, 0, 0].item<double>());
    }

    [Theory]
    [InlineData(0, 0.999, -1, 1)]
    [InlineData(0.5, 0.5, 0, 0)]
    [InlineData(0.999, 0, 1, -1)]
    public void Crop_moves_by_up_to_an_eighth_and_fills_with_zero(double u, double v, int dy, int dx)
    {
        var x = Images();
        var y = Siamese.Crop(x, U(u, u), U(v, v));
        for (var i = 0; i < 8; i++)
        for (var j = 0; j < 8; j++)
        {
            var (si, sj) = (i + dy, j + dx);
            var want = si is >= 0 and < 8 && sj is >= 0 and < 8 ? x[1, 2, si, sj].item<double>() : 0;
            Assert.Equal(want, y[1, 2, i, j].item<double>());
        }
    }

    [Theory]
    [InlineData(0, 0, -2, -2)]
    [InlineData(0.5, 0.999, 2, 6)]
    public void Cutout_blackens_a_square_of_half_the_side(double u, double v, int top, int left)
    {
        var x = Images() + 2;
        var y = Siamese.Cutout(x, U(u, u), U(v, v));
        for (var i = 0; i < 8; i++)
        for (var j = 0; j < 8; j++)
        {
            var hole = i >= top && i < top + 4 && j >= left && j < left + 4;
            Assert.Equal(hole ? 0 : x[0, 1, i, j].item<double>(), y[0, 1, i, j].item<double>());
        }
    }

    [Fact]
    public void Scale_of_1_and_a_turn_by_nothing_change_nothing_and_the_limits_are_as_stated()
    {
        var x = Images();
        var same = (1 - 1 / 1.2) / (1.2 - 1 / 1.2);
        RidgeTests.Close(x.flatten().data<double>().ToArray(), Siamese.Scale(x, U(same, same), U(same, same)), 1e-9);
        RidgeTests.Close(x.flatten().data<double>().ToArray(), Siamese.Rotate(x, U(0.5, 0.5)), 1e-9);

        // A ramp shows the coordinates: pixel centres lie at (2 i + 1) / side - 1.
        var ramp = arange(16, ScalarType.Float64).view(1, 1, 1, 16).expand(1, 1, 16, 16).contiguous();
        double At(Tensor t, int row, int column) => t[0, 0, row, column].item<double>();
        double Coordinate(int i) => (2.0 * i + 1) / 16 - 1;
        double Ramp(double coordinate) => ((coordinate + 1) * 16 - 1) / 2;
        var wide = Siamese.Scale(ramp, U(1), U(same));
        Assert.Equal(Ramp(1.2 * Coordinate(10)), At(wide, 8, 10), 9);
        var turned = Siamese.Rotate(ramp, U(1));
        var angle = 15 * Math.PI / 180;
        Assert.Equal(Ramp(Math.Cos(angle) * Coordinate(9) - Math.Sin(angle) * Coordinate(6)), At(turned, 6, 9), 9);
    }

    [Fact]
    public void Every_kind_lets_gradients_through()
    {
        var (u, v) = (U(0.3, 0.8), U(0.6, 0.1));
        Func<Tensor, Tensor>[] kinds =
        [
            x => Siamese.Contrast(Siamese.Saturation(Siamese.Brightness(x, u), v), u),
            x => Siamese.Crop(x, u, v),
            x => Siamese.Cutout(x, u, v),
            x => Siamese.Flip(x, u),
            x => Siamese.Scale(x, u, v),
            x => Siamese.Rotate(x, u),
        ];
        foreach (var kind in kinds)
            Assert.InRange(GradientCheck.Error(x => kind(x).pow(3).sum(), Images(4)), 0, 1e-6);
    }

    [Fact]
    public void A_batch_has_one_kind_and_the_same_place_the_same_draws()
    {
        var x = Images();
        var chosen = new HashSet<string>();
        for (ulong seed = 0; seed < 60; seed++)
        {
            var y = Siamese.Apply(x, new RandomKey(seed), Siamese.Kinds);
            Assert.True(y.equal(Siamese.Apply(x, new RandomKey(seed), Siamese.Kinds)).all().item<bool>());
            foreach (var kind in Siamese.Kinds)
                if (y.equal(Siamese.Apply(x, new RandomKey(seed), [kind])).all().item<bool>())
                    chosen.Add(kind);
        }
        Assert.Equal(Siamese.Kinds.Order(), chosen.Order());
    }

    [Fact]
    public void As_an_augmentation_it_takes_chosen_kinds_and_only_images()
    {
        var augmentation = Stubs.Plugin<SiameseAugmentation>(new SiameseOptions { Kinds = ["flip"] });
        var batch = new Batch(Images(), new NoTarget(2), arange(2, ScalarType.Int64));
        var changed = ((IAugmentation)augmentation).Apply(batch, new PartContextStub { Random = new RandomKey(4) });
        Assert.Equal(batch.Input.shape, changed.Input.shape);
        Assert.False(((IAugmentation)augmentation).InEvaluation);

        var flat = batch.WithInput(zeros(2, 4));
        var failure = Assert.Throws<KdException>(() =>
            ((IAugmentation)augmentation).Apply(flat, new PartContextStub())
        );
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Throws<ValidationException>(() => Stubs.Plugin<SiameseAugmentation>(new SiameseOptions { Kinds = [] }));
        Assert.Throws<ValidationException>(() =>
            Stubs.Plugin<SiameseAugmentation>(new SiameseOptions { Kinds = ["sepia"] })
        );
    }
}
