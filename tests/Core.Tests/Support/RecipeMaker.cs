using System.Text.Json.Nodes;

namespace KdPlugins.Core.Tests.Support;

/// <summary>Random recipes for the plugins of <see cref="SamplePlugins"/>, and random damage to them.</summary>
public static class RecipeMaker
{
    /// <summary>Values that tend to break readers.</summary>
    private static readonly string[] Hostile =
    [
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "-1e-999",
        "3.0",
        "3.5",
        "9223372036854775808",
        "1e18",
        "1E400",
        "0.1",
        "123456789012345678901234567890",
        "1e-2147483649",
        "1e2147483649",
        "\"\"",
        "\"x\"",
        "\"student\"",
        "\"shared\"",
        "\"\\u0000\"",
        "\"Ünïcode 𝄞\"",
        "\"kd\"",
        "\"NaN\"",
        "[]",
        "[[]]",
        "[null]",
        "{}",
        "{\"id\":null}",
        "{\"\":{}}",
        "{\"id\":\"kd\",\"options\":[]}",
        "{\"like\":\"student\"}",
        "\"../../etc/passwd\"",
        "[1,2,3]",
        "[0.5,0.5]",
        "{\"name\":\"one-cycle\",\"milestones\":null}",
    ];

    /// <summary>A recipe that is valid: any part may be there or not.</summary>
    public static JsonObject Valid(Random random)
    {
        bool Maybe() => random.Next(2) == 0;
        JsonObject Plugin(string id, JsonObject? options = null)
        {
            var section = new JsonObject { ["id"] = id };
            if (options is not null && Maybe())
                section["options"] = options;
            return section;
        }
        JsonObject Model() =>
            Plugin(
                "cifar-resnet",
                new JsonObject
                {
                    ["depth"] = Pick(random, 8, 20, 32),
                    ["width"] = (float)(0.25 + (random.NextDouble() * 3)),
                }
            );
        JsonObject Crop() => Plugin("random-crop", new JsonObject { ["padding"] = random.Next(17) });
        JsonArray Losses()
        {
            var losses = new JsonArray();
            for (var i = random.Next(4); i > 0; i--)
            {
                var loss = Maybe()
                    ? Plugin("cross-entropy", new JsonObject { ["smoothing"] = random.NextDouble() })
                    : Plugin(
                        "kd",
                        new JsonObject
                        {
                            ["temperature"] = random.NextDouble() + 0.1,
                            ["top"] = Maybe() ? null : random.Next(),
                            ["taps"] = new JsonArray("b", "a"),
                        }
                    );
                if (Maybe())
                {
                    var weight = (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-30, 30));
                    loss["weight"] = weight;
                    if (weight < 0)
                        loss["maximise"] = true;
                }
                losses.Add(loss);
            }
            return losses;
        }

        var recipe = new JsonObject
        {
            ["strategy"] = Plugin("offline", []),
            ["models"] = new JsonObject
            {
                ["student"] = Model(),
                ["teacher"] = Maybe() ? Model() : new JsonObject { ["like"] = "student" },
            },
            ["name"] = "r" + random.Next(),
            ["dataset"] = Maybe()
                ? Plugin("shapes", new JsonObject { ["samples"] = random.Next(1, 1000) })
                : new JsonObject
                {
                    ["id"] = "folder",
                    ["options"] = new JsonObject { ["path"] = "a/ü \"q\"" },
                },
        };
        if (Maybe())
            recipe["models"]!["third"] = new JsonObject { ["like"] = "teacher", ["weights"] = Weights(random) };
        if (Maybe())
            recipe["losses"] = Losses();
        if (Maybe())
            recipe["seed"] = random.NextInt64();
        else if (Maybe())
            recipe["seeds"] = new JsonArray(random.Next(9), random.NextInt64(10, long.MaxValue));
        if (Maybe())
            recipe["validation"] = Pick(
                random,
                new JsonObject { ["fraction"] = 0.2 },
                new JsonObject { ["count"] = 7 },
                new JsonObject { ["split"] = "val" },
                []
            );
        if (Maybe())
            recipe["augmentations"] = new JsonObject
            {
                ["student"] = new JsonArray(Crop(), Plugin("flip")),
                ["shared"] = new JsonArray(Crop()),
            };
        if (Maybe())
            recipe["sources"] = new JsonObject { ["b"] = Plugin("shapes"), ["a"] = Plugin("shapes") };
        if (Maybe())
            recipe["generators"] = new JsonObject { ["main"] = Plugin("noise", []) };
        if (Maybe())
            recipe["training"] = Training(random);
        if (Maybe())
            recipe["baseline"] = Maybe();
        if (Maybe())
        {
            var phase = new JsonObject { ["role"] = "teacher", ["once"] = Maybe() };
            if (Maybe())
                phase["strategy"] = new JsonObject
                {
                    ["id"] = "supervised",
                    ["options"] = new JsonObject { ["role"] = "teacher" },
                };
            if (Maybe())
                phase["training"] = Training(random);
            if (Maybe())
                phase["losses"] = Losses();
            recipe["prepare"] = new JsonArray(
                phase,
                new JsonObject { ["name"] = "again", ["strategy"] = Plugin("picky") }
            );
        }
        return recipe;
    }

    /// <summary>The recipe's text with one to three places changed for the worse, or sometimes not.</summary>
    public static string Damaged(JsonObject valid, Random random)
    {
        var tree = valid.DeepClone().AsObject();
        for (var i = random.Next(1, 4); i > 0; i--)
            Damage(tree, random);
        return tree.ToJsonString();
    }

    private static void Damage(JsonObject tree, Random random)
    {
        var all = Parents(tree).ToArray();
        var parent = all[random.Next(all.Length)];
        if (parent is JsonArray array)
        {
            var at = random.Next(array.Count);
            switch (random.Next(3))
            {
                case 0:
                    array.RemoveAt(at);
                    break;
                case 1:
                    array.Add(array[at]?.DeepClone());
                    break;
                default:
                    array[at] = JsonNode.Parse(Pick(random, Hostile));
                    break;
            }
            return;
        }
        var map = parent.AsObject();
        var key = map.ElementAt(random.Next(map.Count)).Key;
        var value = map[key]?.DeepClone();
        switch (random.Next(4))
        {
            case 0:
                map.Remove(key);
                break;
            case 1:
                map.Remove(key);
                map[key.Length > 1 && random.Next(2) == 0 ? key[1..] : key + "x"] = value;
                break;
            case 2:
                // A value of elsewhere, of a form that some other place wants.
                var other = all[random.Next(all.Length)];
                map[key] = ReferenceEquals(other, tree) ? null : other.DeepClone();
                break;
            default:
                map[key] = JsonNode.Parse(Pick(random, Hostile));
                break;
        }
    }

    /// <summary>Text with a place cut, removed, doubled or overwritten.</summary>
    public static string Garbled(string text, Random random)
    {
        var at = random.Next(text.Length);
        return random.Next(4) switch
        {
            0 => text[..at],
            1 => text.Insert(at, ((char)random.Next(0x20, 0x3000)).ToString()),
            2 => text.Remove(at, 1),
            _ => text.Insert(at, text[at..Math.Min(text.Length, at + random.Next(40))]),
        };
    }

    private static IEnumerable<JsonNode> Parents(JsonNode node)
    {
        var children = node switch
        {
            JsonObject o => o.Select(p => p.Value),
            JsonArray a => a,
            _ => [],
        };
        if (children.Any())
            yield return node;
        foreach (var below in children.OfType<JsonNode>().SelectMany(Parents))
            yield return below;
    }

    private static JsonObject Training(Random random) =>
        new()
        {
            ["epochs"] = random.Next(100),
            ["ema"] = new JsonObject { ["decay"] = Pick(random, 0, 0.5) },
            ["maxMinutes"] = Pick(random, 0, 1.5),
            ["sampling"] = Pick(random, "shuffled", "balanced"),
            ["optimiser"] = new JsonObject
            {
                ["name"] = Pick(random, "sgd", "adam", "adamw", "lars", "lion", "muon"),
                ["layerDecay"] = Pick(random, 1, 0.5),
                ["learningRate"] = random.NextDouble() + 1e-6,
            },
            ["schedule"] = new JsonObject
            {
                ["name"] = Pick(
                    random,
                    "constant",
                    "step",
                    "plateau",
                    "multi-step",
                    "cosine",
                    "exponential",
                    "one-cycle",
                    "polynomial",
                    "linear"
                ),
                ["milestones"] = new JsonArray(0.25, 0.5 + (random.NextDouble() / 4)),
            },
        };

    private static T Pick<T>(Random random, params T[] values) => values[random.Next(values.Length)];

    private static JsonNode Weights(Random random) =>
        random.Next(3) switch
        {
            0 => "w.pth",
            1 => new JsonObject { ["path"] = "w.pth" },
            _ => new JsonObject
            {
                ["path"] = "w.pth",
                ["prefix"] = "student.",
                ["rename"] = new JsonObject { ["b.*"] = "a.*", ["a"] = "c" },
                ["strict"] = random.Next(2) == 0,
                ["head"] = "replace",
            },
        };
}
