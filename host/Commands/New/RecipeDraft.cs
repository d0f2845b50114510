using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;

namespace KdPlugins.Host.Commands.New;

/// <summary>What is asked for, as far as data do not say it.</summary>
/// <param name="Name">The run's name.</param>
/// <param name="Method">The strategy's id.</param>
/// <param name="Teacher">The teacher's architecture; null where nobody teaches.</param>
/// <param name="Weights">The teacher's weight file as the recipe names it; null where it is trained first.</param>
/// <param name="Student">The student's architecture.</param>
/// <param name="Epochs">Null for what is proposed.</param>
/// <param name="Minutes">What the whole run may take; null for as long as the epochs take.</param>
internal sealed record Wish(
    string Name,
    string Method,
    JsonObject? Teacher,
    string? Weights,
    JsonObject Student,
    long? Epochs,
    double? Minutes
);

/// <summary>Writes a recipe with the reasons of what stands in it.</summary>
internal sealed class RecipeDraft(Wish wish, FoundData data, MethodTemplate template, Advice advice)
{
    private static readonly JsonSerializerOptions Plain = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly StringBuilder _text = new();

    // The plain method: what is proposed is not tuned to anything.
    private bool IsPlain => wish.Method == NewCommand.Method;

    private long Epochs => wish.Epochs ?? advice.Epochs;

    /// <summary>The text. place: the data's path as the recipe is to name it, for the one that was found.</summary>
    internal string Write(Func<string, string> place)
    {
        _text.Append("{\n");
        Say(
            $"{wish.Method} on {data.Train} images of {data.Classes} classes, begun by 'kd new'. Every value can be changed."
        );
        Key("name", wish.Name);
        Say(
            $"{Counts()}, {data.Shape[1]} x {data.Shape[2]} pixels, {(data.Shape[0] == 1 ? "one channel" : $"{data.Shape[0]} channels")}. Relative paths start at this file's folder."
        );
        Key("dataset", new JsonObject { ["id"] = data.Id, ["options"] = Placed(data.Options.DeepClone(), place) });
        Validation();
        Models();
        Augmentations();
        Method();
        Training();
        Prepare();
        _text.Length -= ",\n".Length;
        return _text.Append("\n}\n").ToString();
    }

    private string Counts() => string.Join(", ", data.Counts.Select(c => $"{c.Key} {c.Value}"));

    private void Validation()
    {
        if (data.Counts.ContainsKey("val"))
        {
            Say("The best state is chosen by the data's own split.");
            Key("validation", new JsonObject { ["split"] = "val" });
        }
        else if (data.Train < 10)
        {
            Say("One image chooses the best state: there are hardly any.");
            Key("validation", new JsonObject { ["count"] = 1 });
        }
        else
        {
            var section = new JsonObject { ["fraction"] = 0.1 };
            var share = "A tenth of the training images is kept apart and chooses the best state";
            if (data.KnowsClasses && data.Train >= 10 * data.Classes)
            {
                section["stratified"] = true;
                share += ", of each class as much as there is of it";
            }
            Say($"{share}.");
            Key("validation", section);
        }
    }

    private void Models()
    {
        var models = new JsonObject();
        if (wish.Teacher is not null)
        {
            var teacher = wish.Teacher.DeepClone().AsObject();
            if (wish.Weights is not null)
                teacher["weights"] = wish.Weights;
            models[Roles.Teacher] = teacher;
        }
        models[Roles.Student] = wish.Student.DeepClone();
        Say("'kd plugins list' names the other networks, 'kd describe ID' their options.");
        Key("models", models);
    }

    private void Augmentations()
    {
        var own = template.Recipe["augmentations"] as JsonObject;
        var lists = new JsonObject();
        if (IsPlain || own is null)
        {
            lists[Recipe.Shared] = advice.Augmentations(null);
            Say(
                data.Shape[0] == 1
                    ? "No mirror images: digits and letters are none of each other. Put horizontal-flip in where yours are."
                    : "Teacher and student see the same view of an image. Take horizontal-flip out where left and right mean something."
            );
        }
        else
        {
            foreach (var (role, list) in own)
                if (role == Recipe.Shared || role != Roles.Teacher || wish.Teacher is not null)
                    lists[role] = advice.Augmentations(list);
            Say("As the method's own recipe has them; crops move an image by an eighth of its side at most.");
        }
        Key("augmentations", lists);
    }

    private void Method()
    {
        Say($"The objective and the method, as in the recipe '{template.Name}' that came with it.");
        Key("losses", template.Recipe["losses"]?.DeepClone() ?? new JsonArray());
        Key("strategy", template.Recipe["strategy"]!.DeepClone());
        if (template.Recipe["teacherCache"] is { } cache)
            Key("teacherCache", cache.DeepClone());
    }

    private void Training()
    {
        var training = new JsonObject { ["epochs"] = Epochs };
        if (wish.Minutes is { } minutes)
            training["maxMinutes"] = Share(minutes);
        training["batchSize"] = advice.BatchSize;
        var own = template.Recipe["training"] as JsonObject;
        if (IsPlain || own?["optimiser"] is null)
            training["optimiser"] = new JsonObject
            {
                ["name"] = "sgd",
                ["learningRate"] = advice.LearningRate,
                ["momentum"] = 0.9,
                ["weightDecay"] = 5e-4,
                ["nesterov"] = true,
            };
        else
            training["optimiser"] = own["optimiser"]!.DeepClone();
        training["schedule"] = new JsonObject { ["name"] = "cosine" };
        Say(
            $"{advice.BatchSize} images an update make {advice.UpdatesPerEpoch} updates an epoch; "
                + (
                    IsPlain
                        ? "the rate is 0.05 for 64 images and as much less as the batch is smaller. "
                        : "the rate is the method's. "
                )
                + (
                    wish.Epochs is null
                        ? "The epochs make some thousand updates, after which small networks hardly become better. "
                        : ""
                )
                + (
                    wish.Minutes is null
                        ? "'kd check' says how long that takes here."
                        : "maxMinutes ends a stage: its share of the minutes that the whole run may take. Where it strikes, the rate has not come down; fewer epochs do better."
                )
        );
        Key("training", training);
    }

    private void Prepare()
    {
        if (wish.Teacher is not null && wish.Weights is null)
        {
            Say(
                "The teacher is trained first, by cross-entropy; with several seeds once. A file of it in \"weights\" above stands in for that."
            );
            Key("prepare", new JsonArray(new JsonObject { ["role"] = Roles.Teacher, ["once"] = true }));
        }
        if (HasBaseline)
        {
            Say("A student that learns from the labels alone, for comparison; false saves its time.");
            Key("baseline", true);
        }
    }

    private bool HasBaseline => IsPlain || (bool?)template.Recipe["baseline"] == true;

    // Of the teacher's training, the control group's and the result's own.
    private double Share(double minutes)
    {
        var stages = 1 + (wish.Teacher is not null && wish.Weights is null ? 1 : 0) + (HasBaseline ? 1 : 0);
        return Math.Max(0.01, Math.Round(minutes / stages, 2));
    }

    private static JsonNode Placed(JsonNode node, Func<string, string> place)
    {
        switch (node)
        {
            case JsonObject section:
                foreach (var (key, value) in section.ToList())
                    section[key] = value is null ? null : Placed(value.DeepClone(), place);
                return section;
            case JsonArray list:
                return new JsonArray([.. list.Select(item => Placed(item!.DeepClone(), place))]);
            case JsonValue value when value.TryGetValue<string>(out var text):
                return JsonValue.Create(place(text));
            default:
                return node;
        }
    }

    // Lines of at most a hundred characters, at words.
    private void Say(string comment)
    {
        var line = new StringBuilder("  //");
        foreach (var word in comment.ReplaceLineEndings(" ").Split(' '))
        {
            if (line.Length + word.Length > 100 && line.Length > 4)
            {
                _text.Append(line).Append('\n');
                line.Clear().Append("  //");
            }
            line.Append(' ').Append(word);
        }
        _text.Append(line).Append('\n');
    }

    private void Key(string key, JsonNode value) =>
        _text
            .Append(CultureInfo.InvariantCulture, $"  {JsonSerializer.Serialize(key)}: ")
            .Append(Text(value, 2))
            .Append(",\n");

    // One line where it is short, else one per entry.
    private static string Text(JsonNode? node, int indent)
    {
        var inner = new string(' ', indent + 2);
        var flat = Flat(node);
        if (flat.Length + indent <= 100 || node is JsonValue or null)
            return flat;
        var entries = node is JsonObject section
            ? section.Select(e => $"{inner}{JsonSerializer.Serialize(e.Key, Plain)}: {Text(e.Value, indent + 2)}")
            : node.AsArray().Select(item => $"{inner}{Text(item, indent + 2)}");
        var (open, close) = node is JsonObject ? ('{', '}') : ('[', ']');
        return $"{open}\n{string.Join(",\n", entries)}\n{new string(' ', indent)}{close}";
    }

    private static string Flat(JsonNode? node) =>
        node switch
        {
            JsonObject { Count: > 0 } section =>
                $"{{ {string.Join(", ", section.Select(e => $"{JsonSerializer.Serialize(e.Key, Plain)}: {Flat(e.Value)}"))} }}",
            JsonArray { Count: > 0 } list => $"[ {string.Join(", ", list.Select(Flat))} ]",
            null => "null",
            _ => node.ToJsonString(Plain),
        };
}
