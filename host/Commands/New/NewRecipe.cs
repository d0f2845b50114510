using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Students;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Commands.New;

/// <summary>A recipe in the making: answers, data, method; then its text, which is read as a run reads it before it is written.</summary>
internal sealed class NewRecipe(Screen screen, PluginHost host, NewFlags flags)
{
    private const string Train = "train";

    private readonly Answers _answers = new(screen);

    /// <summary>Asks, looks, writes, and says what comes next.</summary>
    /// <exception cref="KdException">KDP0830 to KDP0833, KDP0201, KDP04xx of the data, KDP0801, KDP0804.</exception>
    internal void Write()
    {
        // First, so that nobody answers all else for nothing.
        if (flags.Output is not null)
            OutputOf(flags.Output);
        var data = _answers.Get("--data", flags.Data, "Folder or file of the images", null, DataOf);
        if (data is not null && _answers.CanAsk)
            screen.Say(
                $"{data.Id}: {data.Train} training images of {data.Classes} classes, {data.Shape[1]} x {data.Shape[2]} pixels."
            );
        var method = _answers.CanAsk
            ? _answers.Get("--method", flags.Method, "Method", NewCommand.Method, id => MethodTemplate.Of(host, id))!
            : MethodTemplate.Of(host, flags.Method ?? NewCommand.Method);
        var id = (string)method.Recipe["strategy"]!["id"]!;
        if (!method.HasTeacher && (flags.Teacher ?? flags.TeacherModel) is not null)
            throw NewFlags.Wrong($"The method '{id}' has no teacher.", "Leave --teacher and --teacher-model out.");
        var advice = data is null ? null : new Advice(data, host.Catalog);
        var teacher = method.HasTeacher
            ? _answers.Get(
                "--teacher",
                flags.Teacher,
                $"Teacher: a weight file, '{Train}', or the network to train ({Models()})",
                Train,
                said => TeacherOf(said, data, advice)
            )
            : null;
        var student = _answers.Get(
            "--student",
            flags.Student,
            $"Student ({Models()})",
            advice?.Model(Roles.Student)?.ToJsonString(),
            ModelOf
        );
        var budget = Budget(advice);
        var output = _answers.Get("--out", flags.Output, "File of the recipe", "recipe.json", OutputOf);
        _answers.Require();

        var folder = Path.GetDirectoryName(output!)!;
        var wish = new Wish(
            NameOf(output!),
            id,
            teacher?.Model,
            teacher?.Weights is { } file ? Place(file, folder) : null,
            student!,
            budget!.Epochs,
            budget.Minutes
        );
        var text = new RecipeDraft(wish, data!, method, advice!).Write(path =>
            Path.IsPathRooted(path) ? Place(path, folder) : path
        );
        // What no run would take is not written.
        host.ReadResolved(text, folder);
        WriteTo(output!, text);
        Tell(output!, wish, data!);
    }

    private FoundData DataOf(string said) => FoundData.At(host.Catalog, Path.GetFullPath(said), flags.Dataset);

    private string Models() =>
        string.Join(", ", host.Catalog.Plugins.Where(p => p.Kind == PluginKind.Model).Select(p => p.Id));

    private sealed record BudgetWish(long? Epochs, double? Minutes);

    private BudgetWish? Budget(Advice? advice) =>
        (flags.Epochs ?? flags.Minutes) is not null
            ? new(flags.Epochs, flags.Minutes)
            : _answers.Get(
                "--epochs or --minutes",
                null,
                "Epochs, or minutes with an m behind them",
                advice?.Epochs.ToString(CultureInfo.InvariantCulture),
                BudgetOf
            );

    private static BudgetWish BudgetOf(string said)
    {
        var isMinutes = said.EndsWith('m');
        var number = double.TryParse(isMinutes ? said[..^1] : said, CultureInfo.InvariantCulture, out var read)
            ? read
            : 0;
        if (number <= 0 || (!isMinutes && number != Math.Floor(number)))
            throw NewFlags.Wrong($"'{said}' is neither a number of epochs nor minutes.", "Write 20, or 30m.");
        var budget = isMinutes ? new BudgetWish(null, number) : new BudgetWish((long)Math.Min(number, 1e15), null);
        Flags(budget).Require();
        return budget;

        static NewFlags Flags(BudgetWish b) =>
            new(null, null, null, null, null, null, b.Epochs, b.Minutes, null, false);
    }

    private sealed record TeacherWish(JsonObject? Model, string? Weights);

    private TeacherWish TeacherOf(string said, FoundData? data, Advice? advice)
    {
        if (said == Train)
            return new(advice is null ? null : advice.Model(Roles.Teacher) ?? throw NoProposal(), null);
        if (!File.Exists(said))
            return new(ModelOf(said), null);
        var path = Path.GetFullPath(said);
        if (flags.TeacherModel is { } named)
            return new(ModelOf(named), path);
        var record = RecordOf(path);
        if (data is not null && (long?)record["classes"] is { } classes && classes != data.Classes)
            throw MethodTemplate.Unfit(
                $"The teacher '{path}' knows {classes} classes, the data have {data.Classes}.",
                "Name a teacher of these classes, or 'train'."
            );
        return new(Section(record["network"]!.AsObject()), path);
    }

    private static JsonObject Section(JsonObject network)
    {
        var section = new JsonObject { ["id"] = network["id"]!.DeepClone() };
        if (network["options"] is JsonObject { Count: > 0 } options)
            section["options"] = options.DeepClone();
        return section;
    }

    private static JsonObject RecordOf(string path)
    {
        try
        {
            var record = RecordedNetwork.ReadRecord(path);
            if (record["network"] is JsonObject)
                return record;
        }
        catch (KdException e) when (e.Code == CommandErrors.NotRecorded) { }
        throw MethodTemplate.Unfit(
            $"The teacher '{path}' does not say which network it is of.",
            "Say it with --teacher-model, such as resnet, or {\"id\":\"resnet\",\"options\":{\"depth\":34}}."
        );
    }

    // An id, or a section of a recipe; its options are looked at with the whole recipe.
    private JsonObject ModelOf(string said)
    {
        var section = new JsonObject { ["id"] = said };
        if (said.TrimStart().StartsWith('{'))
            try
            {
                section = JsonNode.Parse(said)!.AsObject();
            }
            catch (Exception e) when (e is JsonException or ArgumentException)
            {
                throw NewFlags.Wrong($"'{said}' is no section of a recipe: {e.Message}", null);
            }
        var id = section["id"] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
        var known = host.Catalog.Plugins.Where(p => p.Kind == PluginKind.Model).Select(p => p.Id).ToList();
        return known.Contains(id) ? section : throw UnknownPlugin.Error(PluginKind.Model, id, known, []);
    }

    private static KdException NoProposal() =>
        MethodTemplate.Unfit(
            "The network that would be proposed as teacher is not installed.",
            "Name one with --teacher ID."
        );

    private string OutputOf(string said)
    {
        var path = Path.GetFullPath(said);
        if (Directory.Exists(path))
            throw Exists($"'{path}' is a folder.", "Name a file with --out.");
        if (File.Exists(path) && !flags.Force)
            throw Exists($"'{path}' is there already.", null);
        if (!Directory.Exists(Path.GetDirectoryName(path)))
            throw Unwritable($"There is no folder '{Path.GetDirectoryName(path)}'.");
        return path;

        static KdException Exists(string detail, string? remedy)
        {
            var error = new KdException(CommandErrors.RecipeExists, detail, remedy);
            ExitCodes.Mark(error, ExitCodes.Folder);
            return error;
        }
    }

    // In kebab-case, as names of runs are.
    private static string NameOf(string output)
    {
        var letters = Path.GetFileNameWithoutExtension(output)
            .ToLowerInvariant()
            .Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-');
        var name = string.Join('-', string.Concat(letters).Split('-', StringSplitOptions.RemoveEmptyEntries));
        return name.Length > 0 ? name : "new";
    }

    // Below the recipe's folder a path that moves with it, else one that leads there from anywhere.
    private static string Place(string path, string folder)
    {
        var relative = Path.GetRelativePath(folder, path);
        return Path.IsPathRooted(relative) || relative == ".." || relative.StartsWith("../", StringComparison.Ordinal)
            ? path
            : relative;
    }

    private static void WriteTo(string path, string text)
    {
        try
        {
            AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
        }
        catch (KdException e) when (e.Code == WeightErrors.WriteFailed)
        {
            throw Unwritable(e.Detail);
        }
    }

    private static KdException Unwritable(string detail)
    {
        var error = new KdException(CommandErrors.FileUnreadable, detail);
        ExitCodes.Mark(error, ExitCodes.Folder);
        return error;
    }

    private void Tell(string path, Wish wish, FoundData data)
    {
        var shown = path.Contains(' ') ? $"'{path}'" : path;
        string[] next = [$"kd check {shown}", $"kd run {shown} --out runs/{wish.Name}", $"kd export runs/{wish.Name}"];
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "new",
                    ["recipe"] = path,
                    ["dataset"] = data.Id,
                    ["classes"] = data.Classes,
                    ["samples"] = new JsonObject(
                        data.Counts.Select(c => KeyValuePair.Create(c.Key, (JsonNode?)c.Value))
                    ),
                    ["method"] = wish.Method,
                    ["next"] = new JsonArray([.. next.Select(n => JsonValue.Create(n))]),
                },
            () =>
                $"{path} is written: {wish.Method} on {data.Train} images of {data.Classes} classes ({data.Id}).\nNext:\n"
                + $"  {next[0]}\n  {next[1]}\n  {next[2]}"
        );
    }
}
