using FsCheck.Xunit;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class CutoutTests
{
    private static CutoutAugmentation Make(CutoutOptions options) => Tests.Make.Plugin<CutoutAugmentation>(options);

    [Property(MaxTest = 30)]
    public bool It_is_a_plain_loop_over_pixels_around_the_recorded_centres(int seed, byte size, byte holes)
    {
        using var scope = NewDisposeScope();
        var options = new CutoutOptions
        {
            Size = 1 + size % 9,
            Holes = 1 + holes % 3,
            FillValue = -2,
        };
        var batch = Images.Random(seed, 3, 2, 7, 5);
        var result = Make(options).Apply(batch, Images.At((ulong)seed));
        var (source, got) = (Images.Values(batch.Input), Images.Values(result.Input));
        var centres = Images.Longs(result.Parameters["cutout.centres"]);
        for (var b = 0; b < 3; b++)
        for (var y = 0; y < 7; y++)
        for (var x = 0; x < 5; x++)
        {
            var covered = false;
            for (var h = 0; h < options.Holes; h++)
            {
                var (top, left) = (
                    centres[2 * (b * options.Holes + h)] - options.Size / 2,
                    centres[2 * (b * options.Holes + h) + 1] - options.Size / 2
                );
                covered |= y >= top && y < top + options.Size && x >= left && x < left + options.Size;
            }
            for (var c = 0; c < 2; c++)
                if (got[b, c, y, x] != (covered ? -2 : source[b, c, y, x]))
                    return false;
        }
        return true;
    }

    [Fact]
    public void Samples_are_changed_alike_in_any_company_and_the_input_stays()
    {
        using var scope = NewDisposeScope();
        Images.SamplesAreChangedAlikeInAnyCompany(Make(new() { Size = 3, Holes = 2 }));
        Images.TheInputStays(Make(new()), new NoTarget(4));
    }
}
