namespace KdPlugins.Datasets;

/// <summary>A colour in linear shares of the full range.</summary>
internal readonly record struct Colour(float Red, float Green, float Blue)
{
    /// <summary>From hue in turns, saturation and value in [0, 1].</summary>
    public static Colour FromHue(float hue, float saturation, float value)
    {
        float Channel(float offset)
        {
            var place = (hue + offset - MathF.Floor(hue + offset)) * 6;
            return value * (1 - saturation * Math.Clamp(2 - MathF.Abs(place - 3), 0, 1));
        }
        return new Colour(Channel(0), Channel(2 / 3f), Channel(1 / 3f));
    }

    public Colour Towards(Colour other, float share) =>
        new(Red + (other.Red - Red) * share, Green + (other.Green - Green) * share, Blue + (other.Blue - Blue) * share);
}

/// <summary>An object of a class (its label) and a kind (its place among all 18): outline, filling, place in pixels, turn, and two colours.</summary>
internal readonly record struct SceneObject(
    int Class,
    int Kind,
    float X,
    float Y,
    float Radius,
    float Cosine,
    float Sine,
    float Frequency,
    float Phase,
    Colour First,
    Colour Second
);

/// <summary>A stroke of a colour, from a point along a vector, in pixels; it belongs to no class.</summary>
internal readonly struct Stroke(float x, float y, float alongX, float alongY, float halfWidth, Colour colour)
{
    private readonly float _perSquare = 1 / (alongX * alongX + alongY * alongY + 1e-6f);
    private readonly float _reach = (halfWidth + 0.5f) * (halfWidth + 0.5f);

    public Colour Colour { get; } = colour;

    /// <summary>How much of a pixel it covers, with an edge one pixel wide.</summary>
    public float Coverage(float px, float py)
    {
        var (dx, dy) = (px - x, py - y);
        var along = Math.Clamp((dx * alongX + dy * alongY) * _perSquare, 0, 1);
        var (ex, ey) = (dx - along * alongX, dy - along * alongY);
        var square = ex * ex + ey * ey;
        return square >= _reach ? 0 : Math.Clamp(0.5f + halfWidth - MathF.Sqrt(square), 0, 1);
    }
}

/// <summary>Everything that an image shows, from back to front.</summary>
internal sealed class ShapeScene
{
    public Colour Sky { get; private set; }
    public Colour Ground { get; private set; }
    public float SlopeX { get; private set; }
    public float SlopeY { get; private set; }
    public List<Stroke> Behind { get; } = [];
    public List<SceneObject> Objects { get; } = [];
    public List<Stroke> InFront { get; } = [];

    /// <summary>Draws a scene. firstClass: the class of the first object, counted from the options' first.</summary>
    public static ShapeScene Draw(ShapesOptions options, int firstClass, int objects, ref SceneRandom random)
    {
        var scene = new ShapeScene();
        var shift = (float)options.DomainShift;
        var hue = random.Unit();
        scene.Sky = Colour.FromHue(hue, random.Between(0, 0.5f), random.Between(0.15f, 0.85f));
        scene.Ground = scene.Sky.Towards(
            Colour.FromHue(random.Unit(), random.Between(0, 0.5f), random.Unit()),
            random.Between(0, 0.5f)
        );
        var turn = random.Between(0, 2 * MathF.PI);
        (scene.SlopeX, scene.SlopeY) = (MathF.Cos(turn) / options.Width, MathF.Sin(turn) / options.Height);
        for (var i = random.Below(options.Clutter + 1); i > 0; i--)
            scene.Behind.Add(DrawStroke(options, RandomColour(ref random), ref random));
        for (var i = 0; i < objects; i++)
        {
            var label = i == 0 ? firstClass : random.Below(options.Classes);
            var thing = DrawObject(options, label, objects, shift, scene.Sky, ref random);
            scene.Objects.Add(thing);
            if (random.Unit() < options.Occlusion)
                scene.InFront.Add(Occluder(thing, ref random));
        }
        return scene;
    }

    private static SceneObject DrawObject(
        ShapesOptions options,
        int label,
        int objects,
        float shift,
        Colour behind,
        ref SceneRandom random
    )
    {
        float size = options.Side;
        var radius = size * random.Between(0.3f, 0.45f) / MathF.Sqrt(objects);
        var inside = (objects == 1 ? 0.8f : 0.5f) * radius;
        var (reachX, reachY) = (options.Width / 2f - inside, options.Height / 2f - inside);
        var x = options.Width / 2f + random.Between(-reachX, reachX);
        var y = options.Height / 2f + random.Between(-reachY, reachY);
        // Shapes lean a little in the usual domain, and any way at all in the far one.
        var turn = random.Between(-1, 1) * (0.4f + (MathF.PI - 0.4f) * shift);
        // A hint, no proof: each outline favours a hue, with a spread that lets neighbours overlap.
        var kind = options.FirstClass + label;
        var favoured = (float)(kind / ShapeTexture.Names.Length) / ShapeForm.Names.Length;
        var hue = favoured + 0.5f * shift + random.Bell() * (0.12f + 0.2f * shift);
        var first = Colour.FromHue(hue, random.Between(0.3f, 0.9f), random.Between(0.35f, 1));
        var second = Colour.FromHue(
            hue + random.Between(0.1f, 0.4f),
            random.Between(0.2f, 0.8f),
            random.Between(0, 0.7f)
        );
        // Contrast between object and background, and between the two colours of a texture.
        var fade = random.Between(0, 0.4f) + 0.3f * shift;
        return new SceneObject(
            label,
            kind,
            x,
            y,
            radius,
            MathF.Cos(turn),
            MathF.Sin(turn),
            random.Between(7, 10) * (1 + 0.5f * shift),
            random.Between(0, 2 * MathF.PI),
            first.Towards(behind, fade),
            second.Towards(first, fade).Towards(behind, fade)
        );
    }

    private static Colour RandomColour(ref SceneRandom random) =>
        Colour.FromHue(random.Unit(), random.Between(0, 0.9f), random.Between(0.1f, 1));

    private static Stroke DrawStroke(ShapesOptions options, Colour colour, ref SceneRandom random)
    {
        var (x, y) = (random.Between(0, options.Width), random.Between(0, options.Height));
        var (turn, length) = (random.Between(0, 2 * MathF.PI), random.Between(0.1f, 0.5f) * options.Side);
        var halfWidth = random.Between(0.02f, 0.06f) * options.Side;
        return new Stroke(x, y, MathF.Cos(turn) * length, MathF.Sin(turn) * length, halfWidth, colour);
    }

    // A bar across the object that leaves its middle free, so that some of the outline is always seen.
    private static Stroke Occluder(SceneObject thing, ref SceneRandom random)
    {
        var turn = random.Between(0, 2 * MathF.PI);
        var (nx, ny) = (MathF.Cos(turn), MathF.Sin(turn));
        var offset = random.Between(0.45f, 0.9f) * thing.Radius;
        var (cx, cy) = (thing.X + nx * offset, thing.Y + ny * offset);
        var reach = 1.5f * thing.Radius;
        var halfWidth = random.Between(0.12f, 0.3f) * thing.Radius;
        return new Stroke(
            cx - ny * reach,
            cy + nx * reach,
            2 * ny * reach,
            -2 * nx * reach,
            halfWidth,
            RandomColour(ref random)
        );
    }
}
