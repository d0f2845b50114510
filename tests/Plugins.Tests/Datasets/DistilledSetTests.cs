using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

public sealed class DistilledSetTests : IDisposable
{
    private static readonly DataInfo Data = new(
        InputKind.Image,
        [3, 4, 5],
        TargetKind.ClassIndex,
        3,
        ["a", "b", "c"],
        [0.5, 0.4, 0.3],
        [0.2, 0.2, 0.1],
        []
    );

    private static readonly Dictionary<string, string> Origin = new() { ["recipe"] = "test", ["seed"] = "1" };

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static Dictionary<string, Tensor> Tensors() =>
        new()
        {
            ["images"] = arange(7 * 60).to(ScalarType.Float32).view(7, 3, 4, 5) / 420,
            ["labels"] = tensor(new long[] { 0, 1, 2, 0, 1, 2, 2 }),
            ["soft"] = arange(7 * 4).to(ScalarType.Float32).view(7, 4),
            ["weights"] = ones(7),
        };

    private DistilledCard Write(Dictionary<string, Tensor>? tensors = null) =>
        DistilledSet.Write(_folder.Path, "small", Data, Origin, tensors ?? Tensors());

    private IDataset Open(string target = "auto", int maxMegabytes = 4096) =>
        Make.Plugin<DistilledSetPlugin>(
                new DistilledSetOptions
                {
                    Path = _folder.Path,
                    Target = target,
                    MaxMegabytes = maxMegabytes,
                }
            )
            .Open("");

    private string Card => Path.Combine(_folder.Path, DistilledSet.CardFile);

    private void Edit(Action<JsonObject> change)
    {
        var card = JsonNode.Parse(File.ReadAllText(Card))!.AsObject();
        change(card);
        File.WriteAllText(Card, card.ToJsonString());
    }

    [Fact]
    public void A_set_reads_back_as_it_was_written()
    {
        using var scope = NewDisposeScope();
        var written = Write();
        using var set = DistilledSet.Open(_folder.Path, 1 << 20);

        Assert.Equal(("small", 7L, 3L), (set.Card.Name, set.Card.Count, set.Card.Classes));
        Assert.Equal(["a", "b", "c"], set.Card.ClassNames);
        Assert.Equal([3, 4, 5], set.Card.InputShape);
        Assert.Equal([0.5, 0.4, 0.3], set.Card.Mean);
        Assert.Equal([0.2, 0.2, 0.1], set.Card.Std);
        Assert.Equal(["labels", "soft"], set.Card.Targets);
        Assert.Equal(written.Sha256, set.Card.Sha256);
        Assert.Equal(Origin, set.Card.Provenance.ToDictionary());
        foreach (var (name, tensor) in Tensors())
            Assert.True(set.Tensors[name].equal(tensor).all().item<bool>(), name);
    }

    [Theory]
    [InlineData("auto", TargetKind.ClassIndex, 3)]
    [InlineData("labels", TargetKind.ClassIndex, 3)]
    [InlineData("soft", TargetKind.Soft, 4)]
    [InlineData("none", TargetKind.None, 3)]
    public void A_recipe_chooses_the_targets(string target, TargetKind kind, long classes)
    {
        using var scope = NewDisposeScope();
        Write();
        using var data = Open(target);
        var batch = data.Open("train").Read(new long[] { 6, 1 });

        Assert.Equal((kind, classes), (data.Info.Target, data.Info.Classes));
        Assert.Equal(classes == 3 ? 3 : 0, data.Info.ClassNames.Count);
        Assert.True(
            batch.Input.equal(Tensors()["images"].index_select(0, tensor(new long[] { 6, 1 }))).all().item<bool>()
        );
        if (batch.Target is ClassIndexTarget index)
            Assert.Equal([2, 1], index.Labels.data<long>().ToArray());
        if (batch.Target is SoftTarget soft)
            Assert.Equal([24f, 25f, 26f, 27f, 4f, 5f, 6f, 7f], soft.Values.data<float>().ToArray());
        Assert.Equal(2, batch.Target.Count);
        DataAssert.ReadsPurely(data.Open("train"));
    }

    [Fact]
    public void Bytes_stay_bytes_and_images_need_no_targets()
    {
        using var scope = NewDisposeScope();
        Write(new() { ["images"] = ones(2, 3, 2, 2, dtype: ScalarType.Byte) });
        using var data = Open();
        Assert.Equal(TargetKind.None, data.Info.Target);
        Assert.Equal(ScalarType.Byte, data.Open("train").Read(new long[] { 1 }).Input.dtype);
    }

    [Fact]
    public void The_fingerprint_depends_on_data_and_target()
    {
        using var scope = NewDisposeScope();
        string Print(string target)
        {
            using var data = Open(target);
            return data.Fingerprint;
        }
        Write();
        var (labels, soft) = (Print("labels"), Print("soft"));
        Assert.Equal(labels, Print("auto"));
        Assert.NotEqual(labels, soft);
        var other = Tensors();
        other["images"] = other["images"] + 1;
        Write(other);
        Assert.NotEqual(labels, Print("labels"));
    }

    [Fact]
    public void A_split_or_target_that_is_not_there_is_refused()
    {
        using var scope = NewDisposeScope();
        Write(new() { ["images"] = zeros(2, 3, 2, 2) });
        using var data = Open();
        DataAssert.Fails(DataErrors.SplitMissing, () => data.Open("test"), "'test'", "train");
        DataAssert.Fails(CoreErrors.TargetKind, () => Open("soft"), "'soft'", "none");
        DataAssert.Fails(CoreErrors.TargetKind, () => Open("labels"), "'labels'");
    }

    [Theory]
    [InlineData("images", "none")]
    [InlineData("images", "rank")]
    [InlineData("images", "dtype")]
    [InlineData("images", "nan")]
    [InlineData("images", "empty")]
    [InlineData("labels", "range")]
    [InlineData("labels", "negative")]
    [InlineData("labels", "count")]
    [InlineData("labels", "dtype")]
    [InlineData("soft", "count")]
    [InlineData("soft", "rank")]
    [InlineData("soft", "nan")]
    public void What_is_no_set_is_neither_written_nor_opened(string name, string fault)
    {
        using var scope = NewDisposeScope();
        Write();
        var tensors = Tensors();
        var good = tensors[name];
        switch (fault)
        {
            case "none":
                tensors.Remove(name);
                break;
            default:
                tensors[name] = fault switch
                {
                    "rank" => good.flatten(),
                    "dtype" => good.to(ScalarType.Float64),
                    "nan" => good.clone().fill_(double.NaN),
                    "empty" => good[..0],
                    "range" => good + 1,
                    "negative" => good - 1,
                    _ => good[..3],
                };
                break;
        }

        DataAssert.Fails(CoreErrors.ShapesDiffer, () => Write(tensors), $"'{name}'", "cannot be written");
        var file = WeightTensors.Save(tensors, Path.Combine(_folder.Path, DistilledSet.DataFile));
        Edit(card => card["sha256"] = file.Sha256);
        DataAssert.Fails(DataErrors.ContentChanged, () => Open(), $"'{name}'");
    }

    [Fact]
    public void Images_of_other_channels_than_their_origin_are_not_written()
    {
        using var scope = NewDisposeScope();
        DataAssert.Fails(CoreErrors.ShapesDiffer, () => Write(new() { ["images"] = zeros(2, 1, 2, 2) }), "1 channels");
    }

    [Fact]
    public void A_changed_byte_and_a_card_of_another_set_are_refused()
    {
        using var scope = NewDisposeScope();
        Write();
        var path = Path.Combine(_folder.Path, DistilledSet.DataFile);
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        DataAssert.Fails(DataErrors.ContentChanged, () => Open(), "SHA-256");

        Write();
        Edit(card => card["count"] = 6);
        DataAssert.Fails(DataErrors.ContentChanged, () => Open(), "another number or shape");
        Write();
        Edit(card => card["targets"] = new JsonArray("labels"));
        DataAssert.Fails(DataErrors.ContentChanged, () => Open(), "does not name");
        Write(new() { ["images"] = zeros(7, 3, 4, 5) });
        Edit(card => card["targets"] = new JsonArray("soft"));
        DataAssert.Fails(DataErrors.ContentChanged, () => Open(), "lacks targets");
    }

    [Theory]
    [InlineData("surprise", "1", "a key that a card does not have")]
    [InlineData("kind", "\"weights\"", "not the card of a data set")]
    [InlineData("format", "\"2.0\"", "not the card of a data set")]
    [InlineData("count", "0", "0 in 'count'")]
    [InlineData("count", "1.5", "whole numbers in 'count'")]
    [InlineData("count", "\"7\"", "'count' as String")]
    [InlineData("count", "1e99", "whole numbers in 'count'")]
    [InlineData("classes", "-1", "-1 in 'classes'")]
    [InlineData("classNames", "[\"a\"]", "names 1 classes of 3")]
    [InlineData("classNames", "[1,2,3]", "texts in 'classNames'")]
    [InlineData("inputShape", "[3,4]", "channels, height and width")]
    [InlineData("inputShape", "[3,4,9223372036854775807]", "'inputShape'")]
    [InlineData("mean", "[0.5]", "1 values in 'mean' for 3 channels")]
    [InlineData("mean", "[1e999,0,0]", "'mean'")]
    [InlineData("std", "[0.2,0,0.1]", "not above 0")]
    [InlineData("targets", "[\"boxes\"]", "'labels' and 'soft'")]
    [InlineData("provenance", "{\"a\":1}", "texts in 'provenance'")]
    [InlineData("name", "\"\\ud800\"", "not Unicode")]
    [InlineData("name", "[[[[[]]]]]", "not JSON as cards are")]
    public void A_card_that_is_none_is_refused(string key, string value, string said)
    {
        using var scope = NewDisposeScope();
        Write();
        var card = JsonNode.Parse(File.ReadAllText(Card))!.AsObject();
        card.Remove(key);
        var rest = card.ToJsonString();
        File.WriteAllText(Card, $"{rest[..^1]},\"{key}\":{value}}}");
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), Card, said);
    }

    [Fact]
    public void Texts_that_are_no_card_at_all_are_refused()
    {
        using var scope = NewDisposeScope();
        Write();
        foreach (var text in new[] { "", "[]", "nonsense", "{}", "{\"kind\":\"data-set\",\"kind\":\"data-set\"}" })
        {
            File.WriteAllText(Card, text);
            DataAssert.Fails(DataErrors.DamagedFile, () => Open(), Card);
        }
        File.WriteAllBytes(Card, [.. Encoding.UTF8.GetBytes("{\"kind\":\""), 0xC3, 0x28, .. "\"}"u8]);
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), Card);
        File.WriteAllText(Card, new string(' ', (1 << 20) + 1));
        DataAssert.Fails(DataErrors.TooLarge, () => Open(), Card);
    }

    [Fact]
    public void Missing_files_and_data_beyond_the_limit_are_refused()
    {
        using var scope = NewDisposeScope();
        DataAssert.Fails(DataErrors.NotFound, () => Open(), DistilledSet.CardFile);
        Write(new() { ["images"] = zeros(7, 3, 200, 100) });
        DataAssert.Fails(DataErrors.TooLarge, () => Open(maxMegabytes: 1), "more than the 1048576");
        File.Delete(Path.Combine(_folder.Path, DistilledSet.DataFile));
        DataAssert.Fails(DataErrors.NotFound, () => Open(), DistilledSet.DataFile);
        var elsewhere = Make.Plugin<DistilledSetPlugin>(new DistilledSetOptions { Path = "no-such-folder" });
        DataAssert.Fails(DataErrors.NotFound, () => elsewhere.Open(_folder.Path), "no-such-folder");
        Assert.False(Make.Passes(new DistilledSetOptions()));
        Assert.False(Make.Passes(new DistilledSetOptions { Path = "x", Target = "boxes" }));
    }

    [Fact]
    public void Opening_reading_and_closing_leaves_no_tensor_behind()
    {
        using (NewDisposeScope())
            Write();
        void Once()
        {
            using var scope = NewDisposeScope();
            using var data = Open();
            data.Open("train").Read(new long[] { 1, 2 });
            Assert.Throws<KdException>(() => data.Open("train").Read(new long[] { 7 }));
        }
        Once();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 10; i++)
            Once();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
