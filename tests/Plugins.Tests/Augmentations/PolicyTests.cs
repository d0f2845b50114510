using FsCheck.Xunit;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class PolicyTests
{
    private static IAugmentation Policy(string id) =>
        id switch
        {
            "rand-augment" => Tests.Make.Plugin<RandAugmentAugmentation>(new RandAugmentOptions()),
            "trivial-augment" => Tests.Make.Plugin<TrivialAugmentAugmentation>(new TrivialAugmentOptions()),
            _ => Tests.Make.Plugin<AutoAugmentAugmentation>(new AutoAugmentOptions { Policy = id }),
        };

    public static TheoryData<string> All => ["cifar10", "imagenet", "svhn", "rand-augment", "trivial-augment"];

    private static (Operation Kind, double Magnitude)[][] Recorded(Batch batch, string id)
    {
        var (kinds, magnitudes) = (batch.Parameters[$"{id}.operations"], batch.Parameters[$"{id}.magnitudes"]);
        var (flat, values) = (Images.Longs(kinds), Tests.Make.Flat(magnitudes));
        var length = (int)kinds.shape[1];
        return
        [
            .. Enumerable
                .Range(0, (int)kinds.shape[0])
                .Select(b =>
                    Enumerable.Range(b * length, length).Select(i => ((Operation)flat[i], values[i])).ToArray()
                ),
        ];
    }

    [Theory]
    [MemberData(nameof(All))]
    public void What_was_drawn_replays_image_by_image(string id)
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(1, 40, 3, 12, 10);
        var result = Policy(id).Apply(batch, Images.At(3));
        var moves = Recorded(result, id.EndsWith("augment") ? id : "auto-augment");
        for (var b = 0; b < 40; b++)
        {
            var image = batch.Input[b].unsqueeze(0);
            foreach (var (kind, magnitude) in moves[b])
                image = Operations.Apply(image, [new(kind, magnitude)], bilinear: false, 0);
            Assert.Equal(Images.Flat(image[0]), Images.Flat(result.Input[b]));
        }
    }

    [Property(MaxTest = 25)]
    public bool Values_stay_in_their_range(int seed, byte which, bool grey)
    {
        using var scope = NewDisposeScope();
        var id = new[] { "cifar10", "imagenet", "svhn", "rand-augment", "trivial-augment" }[which % 5];
        var batch = Images.Random(seed, 12, grey ? 1 : 3, 7, 9);
        var result = Policy(id).Apply(batch, Images.At((ulong)seed)).Input;
        return result.shape.SequenceEqual(batch.Input.shape)
            && result.min().item<float>() >= -1e-6f
            && result.max().item<float>() <= 1 + 1e-6f;
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Samples_are_changed_alike_in_any_company_and_the_input_stays(string id)
    {
        using var scope = NewDisposeScope();
        Images.SamplesAreChangedAlikeInAnyCompany(Policy(id), channels: 3);
        Images.TheInputStays(Policy(id), new NoTarget(4));
    }

    [Fact]
    public void AutoAugment_draws_each_pair_as_often_as_any_other_and_each_part_with_its_probability()
    {
        using var scope = NewDisposeScope();
        const int draws = 20_000;
        var batch = new Batch(zeros(draws, 1, 1, 1), new NoTarget(draws), arange(draws, ScalarType.Int64));
        var moves = Recorded(Policy("cifar10").Apply(batch, Images.At(1)), "auto-augment");
        var policy = AutoAugmentPolicies.Cifar10;
        // How often an operation ought to stand in the first and in the second place.
        foreach (var place in new[] { 0, 1 })
        foreach (var kind in Enum.GetValues<Operation>().Where(k => k != Operation.Identity))
        {
            var share = policy
                .Select(p => place == 0 ? p.First : p.Second)
                .Where(m => m.Kind == kind)
                .Sum(m => m.Probability / policy.Count);
            var found = moves.Count(m => m[place].Kind == kind) / (double)draws;
            Assert.InRange(found, share - 5 * Math.Sqrt(share / draws) - 1e-12, share + 5 * Math.Sqrt(share / draws));
        }
        Assert.Contains(moves, m => m[1] is { Kind: Operation.TranslateX, Magnitude: > 0 });
        Assert.Contains(moves, m => m[1] is { Kind: Operation.TranslateX, Magnitude: < 0 });
    }

    [Fact]
    public void RandAugment_takes_every_operation_but_inversion_at_its_one_magnitude()
    {
        using var scope = NewDisposeScope();
        var options = new RandAugmentOptions { Operations = 3, Magnitude = 30 };
        var batch = Images.Random(1, 300, 3, 4, 6);
        var result = Tests.Make.Plugin<RandAugmentAugmentation>(options).Apply(batch, Images.At(1));
        var moves = Recorded(result, "rand-augment").SelectMany(m => m).ToArray();
        Assert.Equal(900, moves.Length);
        Assert.Equal(
            Enum.GetValues<Operation>().Except([Operation.Invert]),
            moves.Select(m => m.Kind).Distinct().Order()
        );
        Assert.All(moves.Where(m => m.Kind == Operation.Rotate), m => Assert.Equal(30, Math.Abs(m.Magnitude), 1e-12));
        Assert.All(moves.Where(m => m.Kind == Operation.Posterize), m => Assert.Equal(4, m.Magnitude));
    }

    [Fact]
    public void TrivialAugment_takes_every_strength()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(1, 3000, 1, 1, 1);
        var moves = Recorded(Policy("trivial-augment").Apply(batch, Images.At(1)), "trivial-augment");
        var shears = moves.Select(m => m[0]).Where(m => m.Kind == Operation.ShearX).ToArray();
        Assert.Equal(31, shears.Select(m => Math.Round(Math.Abs(m.Magnitude) / 0.033)).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void What_cannot_follow_or_has_no_colours_is_refused(string id)
    {
        using var scope = NewDisposeScope();
        var policy = Policy(id);
        policy.Bind(Stubs.Data([3, 8, 8], 10));
        foreach (var kind in new[] { TargetKind.Boxes, TargetKind.ClassMap })
        {
            var failure = Assert.Throws<KdException>(() => policy.Bind(Stubs.Data([3, 8, 8], 10, kind)));
            Assert.Equal(CoreErrors.WrongCombination, failure.Code);
        }
        void Refused(Action action) => Assert.Equal(CoreErrors.ShapesDiffer, Assert.Throws<KdException>(action).Code);
        Refused(() => policy.OutputShape([2, 8, 8]));
        Refused(() => policy.OutputShape([128]));
        Refused(() => policy.Apply(Images.Random(1, 2, 4, 8, 8), Images.At(1)));
        Refused(() => policy.Apply(new Batch(zeros(2, 8), new NoTarget(2), arange(2, ScalarType.Int64)), Images.At(1)));
    }

    [Fact]
    public void Options_out_of_bounds_do_not_pass()
    {
        Assert.False(Tests.Make.Passes(new AutoAugmentOptions { Policy = "cifar" }));
        Assert.False(Tests.Make.Passes(new AutoAugmentOptions { FillValue = 2 }));
        Assert.False(Tests.Make.Passes(new RandAugmentOptions { Operations = 0 }));
        Assert.False(Tests.Make.Passes(new RandAugmentOptions { Magnitude = 31 }));
        Assert.True(Tests.Make.Passes(new RandAugmentOptions { Magnitude = 31, Levels = 32 }));
        Assert.False(Tests.Make.Passes(new TrivialAugmentOptions { Levels = 1 }));
    }
}
