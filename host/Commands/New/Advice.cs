using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;

namespace KdPlugins.Host.Commands.New;

/// <summary>What suits data of a size: networks, augmentations, and how long and how fast is trained.</summary>
internal sealed class Advice
{
    // So many updates bring small networks on small images near to what they can reach.
    private const long Updates = 4000;
    private const long LeastUpdatesPerEpoch = 20;
    private const int LargestBatch = 64;
    private const int SmallestBatch = 8;
    private const long LargeSide = 64;

    private static readonly JsonObject File = Read();

    private readonly FoundData _data;
    private readonly JsonObject _size;
    private readonly IReadOnlySet<(PluginKind, string)> _installed;

    internal Advice(FoundData data, IPluginCatalog catalog)
    {
        _data = data;
        _size = File["sizes"]!.AsArray().Select(s => s!.AsObject()).First(s => data.Side <= (long)s["upTo"]!);
        _installed = catalog.Plugins.Select(p => (p.Kind, p.Id)).ToHashSet();
    }

    /// <summary>Samples at once: a power of two, halved until an epoch has some updates; fewer of large images.</summary>
    internal int BatchSize
    {
        get
        {
            var batch = _data.Side > LargeSide ? LargestBatch / 2 : LargestBatch;
            while (batch > SmallestBatch && _data.Train / batch < LeastUpdatesPerEpoch)
                batch /= 2;
            return (int)Math.Max(1, Math.Min(batch, _data.Train * 9 / 10));
        }
    }

    /// <summary>As much for every image of a batch as 0.05 for 64.</summary>
    internal double LearningRate => Math.Round(0.05 * BatchSize / LargestBatch, 5);

    internal long UpdatesPerEpoch => Math.Max(1, _data.Train / BatchSize);

    /// <summary>As many as make the updates, within reason.</summary>
    internal long Epochs => Math.Clamp(Updates / UpdatesPerEpoch, 10, 100);

    /// <summary>The architecture proposed for a role; null where it is not installed.</summary>
    internal JsonObject? Model(string role) => Installed(PluginKind.Model, _size[role]!) ? Copy(_size[role]!) : null;

    /// <summary>A list of augmentations for the data: those of the advice, or a method's own with what depends on the size changed.</summary>
    internal JsonArray Augmentations(JsonNode? own)
    {
        var grey = _data.Shape[0] == 1;
        var unfit = Names("notForGrey");
        var list = (own ?? _size["augmentations"]!)
            .AsArray()
            .Where(a => Installed(PluginKind.Augmentation, a!) && !(grey && unfit.Contains((string)a!["id"]!)))
            .Select(a => Fitted(Copy(a!)));
        return new([.. list]);
    }

    /// <summary>How far a crop may move images: an eighth of their side, as 4 of 32.</summary>
    internal long Padding => Math.Max(1, Math.Min(_data.Shape[1], _data.Shape[2]) / 8);

    private JsonObject Fitted(JsonObject augmentation)
    {
        if (Names("padded").Contains((string)augmentation["id"]!))
        {
            if (augmentation["options"] is not JsonObject)
                augmentation["options"] = new JsonObject();
            augmentation["options"]!["padding"] = Padding;
        }
        return augmentation;
    }

    private static IReadOnlyList<string> Names(string key) => [.. File[key]!.AsArray().Select(n => (string)n!)];

    private bool Installed(PluginKind kind, JsonNode section) => _installed.Contains((kind, (string)section["id"]!));

    private static JsonObject Copy(JsonNode node) => node.DeepClone().AsObject();

    private static JsonObject Read()
    {
        using var stream = typeof(Advice).Assembly.GetManifestResourceStream("new/advice.json")!;
        return JsonNode.Parse(stream, null, new() { CommentHandling = JsonCommentHandling.Skip })!.AsObject();
    }
}
