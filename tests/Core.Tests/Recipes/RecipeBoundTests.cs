using System.Diagnostics;
using KdPlugins.Core.Tests.Support;
using Xunit;

namespace KdPlugins.Core.Tests.Recipes;

/// <summary>Text from anywhere: however deep, long or wide it is, the answer is one refusal, and soon.</summary>
public sealed class RecipeBoundTests
{
    // What is quadratic in these sizes takes minutes; a machine with other things to do gets some leave.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private static IReadOnlyList<RecipeFailure> Timed(Func<IReadOnlyList<RecipeFailure>> read)
    {
        var watch = Stopwatch.StartNew();
        var failures = read();
        Assert.True(watch.Elapsed < Soon, $"It took {watch.Elapsed}.");
        Assert.All(failures, f => Assert.InRange(f.ToString().Length, 1, 3000));
        return failures;
    }

    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));

    [Theory]
    [InlineData("dataset.options.", "a.", 20_000, "a=1")]
    [InlineData("seeds", "[0]", 20_000, "=1")]
    [InlineData("name.", "a.", 200_000, "a=1")]
    [InlineData("name", ".", 200_000, "=1")]
    [InlineData("", "a", 500_000, "")]
    [InlineData("models.", "a.", 40, "a=1")]
    [InlineData("seeds", "[0]", 40, "=1")]
    public void A_path_of_an_override_is_bounded(string start, string middle, int count, string end)
    {
        var setting = start + Repeat(middle, count) + end;

        var failures = Timed(() => SampleRecipes.Failures(SampleRecipes.Smallest, setting));

        Assert.Contains(
            failures,
            f => f.Code.Id == "KDP0212" && f.Origin.StartsWith("--set ", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("a__", 20_000)]
    [InlineData("seeds__0__", 5_000)]
    [InlineData("_", 300_000)]
    [InlineData("a__", 40)]
    public void So_is_the_name_of_a_variable(string part, int count)
    {
        var variables = new Dictionary<string, string> { [RecipeOverrides.Prefix + Repeat(part, count) + "x"] = "1" };

        var failures = Timed(() =>
            Assert
                .Throws<RecipeException>(() =>
                    RecipeReader.ReadText(
                        SampleRecipes.Smallest,
                        "/",
                        new RecipeOverrides([], variables),
                        SamplePlugins.Catalog()
                    )
                )
                .Failures
        );

        Assert.Equal("KDP0212", Assert.Single(failures).Code.Id);
    }

    [Fact]
    public void A_value_of_an_override_is_bounded_too()
    {
        var deep = "dataset.options=" + Repeat("{\"a\":", 20_000);
        var longer = "dataset.options=[" + Repeat("1,", 1 << 20) + "1]";

        Assert.Contains(Timed(() => SampleRecipes.Failures(SampleRecipes.Smallest, deep)), f => f.Code.Id == "KDP0214");
        Assert.Contains(
            Timed(() => SampleRecipes.Failures(SampleRecipes.Smallest, longer)),
            f => f.Code.Id == "KDP0214"
        );
    }

    [Fact]
    public void What_a_wide_recipe_takes_does_not_grow_with_the_square_of_its_width()
    {
        var keys = string.Join(",", Enumerable.Range(0, 90_000).Select(i => $"\"k{i}\":1"));
        var roles = string.Join(",", Enumerable.Range(0, 20_000).Select(i => $"\"r{i}\":{{\"like\":\"r{i + 1}\"}}"));
        var losses = string.Join(",", Enumerable.Range(0, 70_000).Select(_ => "{\"id\":\"kd\"}"));
        var wide = SampleRecipes.Smallest.Replace("\"losses\"", keys + ",\"losses\"", StringComparison.Ordinal);

        var unknown = Assert.Throws<RecipeException>(() => SampleRecipes.Read(wide));
        Assert.Contains("has 90000 failures", unknown.Message);
        foreach (var setting in (string[])[$"models={{{roles}}}", $"losses=[{losses}]"])
            Assert.Contains(
                Timed(() => SampleRecipes.Failures(SampleRecipes.Smallest, setting)),
                f => f.Code.Id == "KDP0214" && f.Found.EndsWith("plugins", StringComparison.Ordinal)
            );
    }

    [Fact]
    public void A_chain_of_roles_that_is_just_allowed_takes_no_time()
    {
        var roles = string.Join(",", Enumerable.Range(0, 990).Select(i => $"\"r{i}\":{{\"like\":\"r{i + 1}\"}}"));
        var setting =
            $"models={{{roles},\"r990\":{{\"id\":\"cifar-resnet\"}},\"teacher\":{{\"like\":\"r0\"}},\"student\":{{\"like\":\"r0\"}}}}";
        var watch = Stopwatch.StartNew();

        var recipe = SampleRecipes.Read(SampleRecipes.Smallest, setting);

        Assert.Equal("cifar-resnet", recipe.Model("student").Model.Id);
        Assert.True(watch.Elapsed < Soon, $"It took {watch.Elapsed}.");
    }

    [Fact]
    public void Long_names_and_values_are_told_in_short()
    {
        var name = new string('n', 500_000);

        var failures = Timed(() =>
            SampleRecipes.Failures(
                SampleRecipes.Smallest.Replace("\"id\": \"kd\"", $"\"id\": \"{name}\", \"{name}\": 1")
            )
        );

        Assert.Equal(["KDP0201", "KDP0203"], failures.Select(f => f.Code.Id).Order());
    }

    [Fact]
    public async Task What_is_no_plain_file_is_not_waited_for()
    {
        var folder = Directory.CreateTempSubdirectory("kd-recipe-").FullName;
        try
        {
            var pipe = Path.Combine(folder, "pipe.json");
            Process.Start("mkfifo", [pipe]).WaitForExit();
            foreach (var path in (string[])[pipe, "/dev/zero"])
            {
                var read = Task.Run(() =>
                    Record.Exception(() => RecipeReader.ReadFile(path, RecipeOverrides.None, SamplePlugins.Catalog()))
                );
                Assert.Same(read, await Task.WhenAny(read, Task.Delay(Soon)));
                Assert.Equal("KDP0211", Assert.IsType<KdPlugins.Torch.KdException>(await read).Code.Id);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
